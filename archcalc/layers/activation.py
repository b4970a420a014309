"""Activation functions: element by element, any shape, nothing learned but prelu's slopes."""

from __future__ import annotations

from typing import ClassVar

from archcalc.layers.arguments import Number, Whole, Word, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.code import Code, given, module
from archcalc.layers.saved import INPUT, OUTPUT, Saved, Saving
from archcalc.layers.tensor import CHANNELS_FIRST, Shape, Tensor


class Activation(Layer):
    """A function of each element; `each` is its operations for one, `keeps` what its derivative is computed from."""

    elementwise = True
    each: ClassVar[int] = 1
    keeps: ClassVar[Saved] = INPUT

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """`each` operations an element."""
        return self.each * y.elements

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input or the output."""
        return how.first(self.keeps)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module(f"nn.{type(self).__name__}")


@layer("relu")
class ReLU(Activation):
    """max(x, 0). One comparison. Source: torch.nn.ReLU."""

    each = 1
    keeps = OUTPUT


@layer("relu6")
class ReLU6(Activation):
    """min(max(x, 0), 6). Two comparisons. Source: torch.nn.ReLU6."""

    each = 2


@layer("sigmoid", aliases=("logistic",))
class Sigmoid(Activation):
    """1 / (1 + exp(-x)). Sign, exponential, addition, division. Source: torch.nn.Sigmoid."""

    each = 4
    keeps = OUTPUT


@layer("tanh")
class Tanh(Activation):
    """tanh(x). One hyperbolic tangent. Source: torch.nn.Tanh."""

    each = 1
    keeps = OUTPUT


@layer("silu", aliases=("swish",))
class SiLU(Activation):
    """x · sigmoid(x). A sigmoid (4) and a product. Source: torch.nn.SiLU."""

    each = 5


@layer("mish")
class Mish(Activation):
    """x · tanh(log(1 + exp(x))). Exponential, addition, logarithm, tangent, product. Source: torch.nn.Mish."""

    each = 5


@layer("hardswish", aliases=("hswish",))
class Hardswish(Activation):
    """x · relu6(x + 3) / 6. Addition, two comparisons, division, product. Source: torch.nn.Hardswish."""

    each = 5


@layer("hardsigmoid", aliases=("hsigmoid",))
class Hardsigmoid(Activation):
    """relu6(x + 3) / 6. Addition, two comparisons, division. Source: torch.nn.Hardsigmoid."""

    each = 4


@layer("leakyrelu", first="slope", aliases=("lrelu",))
class LeakyReLU(Activation):
    """x where positive, slope·x elsewhere. Comparison and product. Source: torch.nn.LeakyReLU."""

    each = 2
    slope: float = arg(Number, "factor of negative values", default=0.01, aliases=("negative_slope",))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.LeakyReLU", **given(negative_slope=(self.slope, 0.01)))


@layer("prelu", first="parameters")
class PReLU(Activation):
    """x where positive, a learned slope times x elsewhere. Source: torch.nn.PReLU."""

    each = 2
    parameters: int = arg(Whole, "slopes: 1, or one for each channel", default=1, min=1, aliases=("num_parameters",))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` unless there is one slope, or one for each channel of the first axis."""
        if self.parameters != 1:
            if x.layout not in (CHANNELS_FIRST, None):
                raise ShapeError(
                    "SHP102",
                    f"one slope for each channel needs a channels-first tensor, not {x}",
                    "parameters",
                    "use one slope",
                )
            if self.parameters != x.shape[0]:
                raise ShapeError(
                    "SHP101",
                    f"{self.parameters} slopes for the {x.shape[0]} channels of {x}",
                    "parameters",
                    f"use 1 or {x.shape[0]}",
                )
            if x.rank > 1:
                x.layout = CHANNELS_FIRST
        return x.like(x.shape)

    def params(self, x: Tensor) -> dict[str, Shape]:
        """The slopes."""
        return {"weight": (self.parameters,)}

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, for the gradient of the slopes."""
        return INPUT

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.PReLU", **given(num_parameters=(self.parameters, 1)))


@layer("elu", first="alpha")
class ELU(Activation):
    """x where positive, alpha·(exp(x) - 1) elsewhere. Source: torch.nn.ELU."""

    each = 4
    alpha: float = arg(Number, "value far left, negated", default=1.0)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.ELU", **given(alpha=(self.alpha, 1.0)))


@layer("gelu")
class GELU(Activation):
    """x·Φ(x) with the normal distribution Φ, or its tanh approximation. Source: torch.nn.GELU."""

    approximate: str = arg(Word, "formula", choices=("none", "tanh"), default="none")

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Five operations with erf; with tanh the cube takes four more."""
        return (5 if self.approximate == "none" else 9) * y.elements

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.GELU", **given(approximate=(self.approximate, "none")))


@layer("softplus", first="beta")
class Softplus(Activation):
    """log(1 + exp(beta·x)) / beta. Source: torch.nn.Softplus."""

    each = 5
    beta: float = arg(Number, "sharpness", default=1.0, above=0)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.Softplus", **given(beta=(self.beta, 1.0)))


class _Softmax(Layer):
    axis: int | None = arg(
        Whole, "axis that sums to 1; default: channels or features", default=None, min=-8, aliases=("dim",)
    )

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for an axis the input does not have."""
        if self.axis is None:
            x.decide()
        else:
            self.axis_index("axis", x)
        return x.like(x.shape)

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The output."""
        return how.first(OUTPUT)

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Maximum, subtraction, exponential, sum, division (or logarithm and subtraction)."""
        return 5 * y.elements

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        axis = x.feature_axis if self.axis is None else x.axis(self.axis)
        return module(f"nn.{type(self).__name__}", dim=-1 if axis == x.rank - 1 else axis + 1)


@layer("softmax")
class Softmax(_Softmax):
    """exp(x) over its sum along an axis. Source: torch.nn.Softmax."""


@layer("logsoftmax", aliases=("log_softmax",))
class LogSoftmax(_Softmax):
    """Logarithm of softmax. Source: torch.nn.LogSoftmax."""
