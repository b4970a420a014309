"""What oneDNN needs for products of 16-bit matrices is what PyTorch's allocator records, over drawn sizes."""

from __future__ import annotations

from random import Random

import pytest
import torch

from archcalc.layers.kernels.narrow import room
from archcalc.layers.saved import Saving
from archcalc.pytorch.memory import cpu_allocations
from tests.memory.processors import needs_bf16

pytestmark = needs_bf16


def measured(a: torch.Tensor, b: torch.Tensor) -> int:
    torch.mm(a, b)
    return max(cpu_allocations(lambda: torch.mm(a, b))) - 2 * len(a) * b.shape[1]


@pytest.mark.parametrize("threads", [1, 2])
def test_room_of_a_product(threads: int) -> None:
    rng, before = Random(f"products{threads}"), torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for rows, depth, columns in [(128, 640, 128), (64, 2048, 64)] + [
            [rng.choice([8, 40, 128, 320, 600, rng.randrange(2, 700)]) for _ in range(3)] for _ in range(10)
        ]:
            a, b = torch.rand(rows, depth).bfloat16(), torch.rand(depth, columns).bfloat16()
            how = Saving((), width=2, threads=threads)
            assert measured(a, b) == room(how, rows, depth, columns), (rows, depth, columns)
            turned = a.t().contiguous().t()
            assert measured(turned, b) == room(how, rows, depth, columns, turned=True), (rows, depth, columns)
    finally:
        torch.set_num_threads(before)
