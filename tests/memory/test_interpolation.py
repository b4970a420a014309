"""What interpolation needs in passing is what PyTorch's allocator records, over drawn shapes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

import torch
import torch.nn.functional as F

from archcalc.layers.kernels.interpolation import passing
from archcalc.layers.saved import Saving
from archcalc.layers.strides import Strides
from archcalc.layers.tensor import Tensor
from archcalc.pytorch.memory import peak_bytes
from tests.each import each
from tests.memory.test_in_passing import CPU, apart

MODES = {
    1: ("linear", "nearest"),
    2: ("bilinear", "bicubic", "nearest", "nearest-exact"),
    3: ("trilinear", "nearest"),
}
LAST = {2: torch.channels_last, 3: torch.channels_last_3d}


def lies(x: torch.Tensor) -> Strides:
    return Strides(x.shape, x.stride())


def taken(run: Callable[[], object], result: torch.Tensor) -> int:
    """What a run takes beside its result."""
    run()
    peak = peak_bytes(run, CPU, 0)
    assert peak is not None
    return peak - result.nbytes


def test_drawn_shapes() -> None:
    """Both passes of the kernel, for contiguous images and such with channels last."""
    rng = Random(5)
    for _ in range(60):
        rank = rng.choice((1, 2, 2, 2, 3))
        mode, last = rng.choice(MODES[rank]), rank > 1 and rng.random() < 0.5
        sizes = [rng.randint(2, 9 if rank == 3 else 40) for _ in range(rank)]
        space = rng.choice(([64] * rank, [64, *[65] * (rank - 1)])) if rank == 2 and rng.random() < 0.3 else None
        space = space or [rng.randint(2, 12 if rank == 3 else 90) for _ in range(rank)]
        x = torch.randn(rng.randint(1, 3), rng.randint(1, 6), *sizes).to(rng.choice((torch.float32, torch.bfloat16)))
        x = x.to(memory_format=LAST[rank]) if last else x
        learned = x.clone().requires_grad_()
        y = F.interpolate(learned, size=space, mode=mode)
        given = torch.randn_like(y)
        forward = taken(partial(F.interpolate, x, size=space, mode=mode), y)
        backward = taken(partial(torch.autograd.grad, y, learned, given, retain_graph=True), x)
        how = Saving((True,), batch=len(x), width=x.element_size(), strides=(lies(x),))
        said = passing(mode, how, lies(y), Tensor(tuple(y.shape[1:])), Tensor(tuple(x.shape[1:])))
        assert said == (forward, backward), (mode, x.shape, x.stride(), space, said, forward, backward)


@each(
    [
        ("[3, 24, 24]", "upsample 2"),
        ("[8, 24, 24]", "upsample 2 mode=bilinear"),
        ("[8, 30, 30]", "upsample 3 mode=bilinear"),
    ]
)
def test_whole_run(given: str, layer: str) -> None:
    """Up to a height and width of 128 together, images are copied to channels last, and the output back."""
    found, measured = apart(f"{{model: m, input: {given}, layers: [conv 8 kernel=1, {layer}]}}", "inference", 2)
    assert abs(found / measured - 1) < 0.002, (found, measured)
