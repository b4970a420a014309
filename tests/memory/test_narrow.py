"""What oneDNN needs for products of 16-bit matrices and for 16-bit convolutions is what PyTorch's allocator records."""

from __future__ import annotations

from random import Random

import pytest
import torch

from archcalc.layers.kernels.narrow import room
from archcalc.layers.kernels.onednn import Convolving
from archcalc.layers.saved import Saving
from archcalc.layers.strides import contiguous
from archcalc.pytorch.memory import cpu_allocations
from tests.memory.processors import needs_bf16
from tests.memory.test_in_passing import apart

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


# Samples, channels, rows and columns, channels out, kernel, stride, padding, groups, and whether there is a bias.
CONVOLUTIONS = [
    (2, 16, 20, 24, 64, 1, 1, 0, 1, False),
    (1, 200, 14, 14, 256, 1, 1, 0, 1, True),
    (3, 96, 8, 9, 10, 1, 2, 0, 1, True),
    (2, 64, 20, 24, 64, 3, 1, 1, 1, True),
    (4, 3, 28, 9, 256, 1, 2, 0, 1, True),
    (4, 3, 16, 16, 40, 4, 4, 0, 1, False),
    (1, 8, 20, 20, 40, 5, 2, 2, 1, True),
    (2, 24, 16, 16, 24, 5, 1, 2, 24, True),
    (2, 32, 20, 9, 32, 7, 2, 3, 32, False),
    (2, 64, 20, 20, 64, 3, 1, 1, 8, False),
    (2, 32, 7, 7, 32, 3, 2, 1, 8, False),
]


def convolved(
    samples: int, inputs: int, rows: int, columns: int, outputs: int, kernel: int, stride: int, padding: int, groups: int,
    bias: bool,
) -> tuple[tuple[int, int], tuple[int, int]]:  # fmt: skip
    """What a convolution is said to need forward and backward, and what it takes."""
    module = torch.nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=bias).bfloat16()
    x = torch.rand(samples, inputs, rows, columns).bfloat16().requires_grad_()
    y = module(x)
    g = torch.rand_like(y)
    forward = max(cpu_allocations(lambda: module(x))) - 2 * y.numel()
    y.backward(g, retain_graph=True)
    x.grad = None
    module.zero_grad()
    learned = 2 * sum(one.numel() for one in module.parameters())
    backward = max(cpu_allocations(lambda: y.backward(g))) - 2 * x.numel() - learned
    how = Saving((True,), samples, 2, strides=(contiguous(x.shape),))
    said = Convolving(
        how, inputs, outputs, groups, (rows, columns), tuple(y.shape[2:]), (kernel,) * 2, (padding,) * 2, (stride,) * 2,
        (1, 1), False, bias,
    ).passing()  # fmt: skip
    return said, (forward, backward)


def test_room_of_a_convolution() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for one in CONVOLUTIONS:
            said, taken = convolved(*one)
            assert said == taken, one
    finally:
        torch.set_num_threads(threads)


def test_room_of_a_stack_of_products() -> None:
    """A graph's matrix times its features: backward the matrix is read column by column."""
    text = "{model: m, input: {g: [300, 300], x: [300, 40]}, layers: [linear 24 from=x, {matmul: [g, prev]}]}"
    for mode in ("inference", "train"):
        for precision in ("bf16", "autocast-bf16"):
            found, measured = apart(text, mode, 2, precision=precision)
            assert abs(found / measured - 1) < 0.002, (mode, precision, found, measured)
