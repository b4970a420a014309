"""What each loss saves for backward and needs temporarily, as `archcalc profile` computes it.

A loss reads its output and its target in fp32; both are copied to it where they have another type.
Source: torch.nn.functional of PyTorch 2.13, compared with its allocator on the CPU.
"""

from __future__ import annotations

from dataclasses import dataclass

# Bytes of a number: a loss is computed in fp32.
FP32 = 4


@dataclass(frozen=True)
class Loss:
    """The memory of one loss. Everything is counted in tensors of the output's size, in fp32.

    Attributes:
        output: whether the output itself is kept; target: whether the target is.
        kept: what is kept beside them.
        forward: the most that is needed in passing, beside output and target and what is kept.
        backward: the most, the gradient of the output included, beside what was kept; after: once that is let go.
        classes: whether a target is the number of a class, not as many numbers as the output has.
    """

    output: bool
    target: bool
    kept: int
    forward: float
    backward: float
    after: float = 1
    classes: bool = False


LOSSES = {
    # The logarithms of the probabilities; backward their gradient and that of the output.
    "crossentropy": Loss(False, True, 1, 0, 2, classes=True),
    "nll": Loss(True, True, 0, 0, 1, classes=True),
    # The squares, and their mean's copy of the differences.
    "mse": Loss(True, True, 0, 2, 1),
    # The difference, for its sign; backward the mean's gradient, the signs, and their product.
    "l1": Loss(False, False, 1, 1, 3),
    # What was cut to 0..1; backward its gradient, then two masks of bytes beside it and that of the output.
    "bce": Loss(True, True, 1, 1, 1, after=2.5),
    "bcewithlogits": Loss(True, True, 0, 2, 1),
}
