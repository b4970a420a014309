"""What each loss saves for backward and needs temporarily, as `archcalc profile` computes it.

A loss reads the output and the target in fp32; either is copied to fp32 if it has another type.
Source: torch.nn.functional of PyTorch 2.13, compared with its allocator on the CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

# Bytes per number: a loss is computed in fp32.
FP32 = 4


@dataclass(frozen=True)
class Loss:
    """The memory of one loss. Everything is counted in fp32 tensors of the output's size.

    Attributes:
        output: whether the output itself is saved; target: whether the target is.
        kept: what is saved besides them.
        forward: the peak of temporaries, besides output, target and what is saved.
        backward: the peak besides what was saved, including the gradient of the output; after: once that is released.
        classes: whether a target is a class index, instead of as many numbers as the output has.
    """

    output: bool
    target: bool
    kept: int
    forward: float
    backward: float
    after: float = 1
    classes: bool = False


LOSSES = {
    # The log probabilities; backward, their gradient and that of the output.
    "crossentropy": Loss(False, True, 1, 0, 2, classes=True),
    "nll": Loss(True, True, 0, 0, 1, classes=True),
    # The squares, and a copy of the differences for their mean.
    "mse": Loss(True, True, 0, 2, 1),
    # The difference, for its sign; backward, the mean's gradient, the signs, and their product.
    "l1": Loss(False, False, 1, 1, 3),
    # The values clamped to 0..1; backward, their gradient, then two byte masks besides it and that of the output.
    "bce": Loss(True, True, 1, 1, 1, after=2.5),
    "bcewithlogits": Loss(True, True, 0, 2, 1),
}
