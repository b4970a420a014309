"""Softmax and its logarithm: numbers that sum to 1 along an axis."""

from __future__ import annotations

from math import inf
from typing import ClassVar

from archcalc.layers.arguments import Whole, arg
from archcalc.layers.base import layer
from archcalc.layers.code import Code, module
from archcalc.layers.feature_axis import Normalizing
from archcalc.layers.memory import WIDE
from archcalc.layers.saved import OUTPUT, Saved, Saving
from archcalc.layers.tensor import Tensor
from archcalc.terms import Pieces, work


class SoftmaxLike(Normalizing):
    """Exponentials divided by their sum along an axis, or the logarithms of these."""

    operations: ClassVar[Pieces]
    span: tuple[float, float]

    axis: int | None = arg(
        Whole, "axis that sums to 1; default: channels or features", default=None, min=-8, aliases=("dim",)
    )

    def outcome(self, axis: int, *inputs: Tensor) -> str:
        """What sums to 1."""
        return f"vectors of {inputs[0].shape[axis]} that sum to 1"

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The output."""
        return how.first(OUTPUT)

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Those of every element."""
        return work(y.elements, "element", *self.operations)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        axis = self.along(x)
        return module(f"nn.{type(self).__name__}", dim=-1 if axis == x.rank - 1 else axis + 1)


@layer("softmax", family="activation")
class Softmax(SoftmaxLike):
    """exp(x) over its sum along an axis. Source: torch.nn.Softmax."""

    autocast = WIDE
    example = ("softmax axis=-1", "20x64")
    notation = "y[i] = e^(x[i]) / Σ e^(x[j])"
    operations = ("maximum", 1), ("subtraction", 1), ("exponential", 1), ("sum", 1), ("division", 1)
    span = (0.0, 1.0)


@layer("logsoftmax", aliases=("log_softmax",), family="activation")
class LogSoftmax(SoftmaxLike):
    """Logarithm of softmax. Source: torch.nn.LogSoftmax."""

    autocast = WIDE
    bare = True
    notation = "y[i] = x[i] − ln Σ e^(x[j])"
    operations = ("maximum", 1), ("subtraction", 1), ("exponential", 1), ("sum", 1), ("logarithm and subtraction", 1)
    span = (-inf, 0.0)
