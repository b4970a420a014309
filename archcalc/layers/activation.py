"""Activation functions: elementwise, any shape; only prelu has parameters."""

from __future__ import annotations

from math import inf
from typing import ClassVar

from archcalc.layers.arguments import Number, Word, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, given, module
from archcalc.layers.layout import KEEPS
from archcalc.layers.memory import WIDE
from archcalc.layers.saved import INPUT, OUTPUT, Saved, Saving
from archcalc.layers.strides import NUMBER, Strides, contiguous, iterated
from archcalc.layers.tensor import Tensor
from archcalc.terms import Pieces, work


class Activation(Layer):
    """A function of each element.

    Attributes:
        operations: operations per element.
        keeps: what its derivative is computed from.
        span: the smallest and largest output.
        passes: the smallest and largest number of the range that is returned unchanged; None if there is none.
        rises: whether it is non-decreasing, so that it can be swapped with a maximum.
    """

    layout = KEEPS
    elementwise = True
    one_pass = True
    reads_stretched = True
    operations: ClassVar[Pieces]
    span: tuple[float, float]
    passes: tuple[float, float] | None = None
    rises: bool
    keeps: ClassVar[Saved] = INPUT

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """The operations of every element."""
        return work(y.elements, "element", *self.operations)

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input or the output."""
        return how.first(self.keeps)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module(f"nn.{type(self).__name__}")


@layer("relu")
class ReLU(Activation):
    """max(x, 0). One comparison. Source: torch.nn.ReLU."""

    notation = "y = max(0, x)"
    passes = (0.0, inf)
    span = (0.0, inf)
    rises = True
    operations = (("comparison", 1),)

    keeps = OUTPUT


@layer("relu6")
class ReLU6(Activation):
    """min(max(x, 0), 6). Two comparisons. Source: torch.nn.ReLU6."""

    notation = "y = min(max(0, x), 6)"
    passes = (0.0, 6.0)
    span = (0.0, 6.0)
    rises = True
    operations = (("comparisons", 2),)

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """As the input."""
        return how.strides[0].like()


@layer("sigmoid", aliases=("logistic",))
class Sigmoid(Activation):
    """1 / (1 + exp(-x)). Sign, exponential, addition, division. Source: torch.nn.Sigmoid."""

    bare = True
    notation = "y = σ(x) = 1 / (1 + e^(−x))"
    span = (0.0, 1.0)
    rises = True
    operations = (("sign", 1), ("exponential", 1), ("addition", 1), ("division", 1))

    keeps = OUTPUT


@layer("tanh")
class Tanh(Activation):
    """tanh(x). One hyperbolic tangent. Source: torch.nn.Tanh."""

    bare = True
    notation = "y = tanh(x)"
    span = (-1.0, 1.0)
    rises = True
    operations = (("hyperbolic tangent", 1),)

    keeps = OUTPUT


@layer("silu", aliases=("swish",))
class SiLU(Activation):
    """x · sigmoid(x). A sigmoid (4) and a product. Source: torch.nn.SiLU."""

    notation = "y = x · σ(x)"
    span = (-0.2785, inf)
    rises = False
    operations = (("σ", 4), ("product", 1))


@layer("mish")
class Mish(Activation):
    """x · tanh(log(1 + exp(x))). Exponential, addition, logarithm, tangent, product. Source: torch.nn.Mish."""

    bare = True
    notation = "y = x · tanh(ln(1 + e^x))"
    span = (-0.3089, inf)
    rises = False
    operations = (("exponential", 1), ("addition", 1), ("logarithm", 1), ("tangent", 1), ("product", 1))


@layer("hardswish", aliases=("hswish",))
class Hardswish(Activation):
    """x · relu6(x + 3) / 6. Addition, two comparisons, division, product. Source: torch.nn.Hardswish."""

    bare = True
    notation = "y = x · min(max(0, x + 3), 6) / 6"
    span = (-0.375, inf)
    rises = False
    operations = (("addition", 1), ("comparisons", 2), ("division", 1), ("product", 1))


@layer("hardsigmoid", aliases=("hsigmoid",))
class Hardsigmoid(Activation):
    """relu6(x + 3) / 6. Addition, two comparisons, division. Source: torch.nn.Hardsigmoid."""

    bare = True
    notation = "y = min(max(0, x + 3), 6) / 6"
    span = (0.0, 1.0)
    rises = True
    operations = (("addition", 1), ("comparisons", 2), ("division", 1))


@layer("softsign")
class Softsign(Activation):
    """x / (1 + |x|). Absolute value, addition, division. Source: torch.nn.Softsign."""

    makes = 1, 3
    bare = True
    notation = "y = x / (1 + |x|)"
    span = (-1.0, 1.0)
    rises = True
    operations = (("absolute value", 1), ("addition", 1), ("division", 1))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like the quotient of the input and the denominator, which is the input plus a number."""
        x = how.strides[0]
        return iterated(x, iterated(iterated(x), NUMBER))

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input and the denominator."""
        return how.first(Saved((0,), extra={"denominator": how.batch * y.numel * how.width}))


@layer("logsigmoid")
class LogSigmoid(Activation):
    """-log(1 + exp(-x)). Two signs, exponential, addition, logarithm. Source: torch.nn.LogSigmoid."""

    bare = True
    notation = "y = ln σ(x) = −ln(1 + e^(−x))"
    span = (-inf, 0.0)
    rises = True
    operations = (("signs", 2), ("exponential", 1), ("addition", 1), ("logarithm", 1))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the order of its axes."""
        return contiguous((how.batch, *y.shape))

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input; on the CPU the exponential too."""
        kept = 0 if how.gpu else how.batch * y.numel * how.width
        return how.first(Saved((0,), extra={"exponential": kept}))


@layer("hardtanh", aliases=("clamp", "clip"))
class Hardtanh(Activation):
    """min(max(x, low), high). Two comparisons. Source: torch.nn.Hardtanh."""

    bare = True
    notation = "y = min(max(low, x), high)"
    symbols = {"low": "low", "high": "high"}
    rises = True
    operations = (("comparisons", 2),)

    low: float = arg(Number, "smallest value", default=-1.0, aliases=("min_val", "min_value", "min"))
    high: float = arg(Number, "largest value; above low", default=1.0, aliases=("max_val", "max_value", "max"))

    @property
    def span(self) -> tuple[float, float]:  # type: ignore[override]
        """From `low` to `high`."""
        return self.low, self.high

    @property
    def passes(self) -> tuple[float, float]:  # type: ignore[override]
        """The numbers between its bounds."""
        return self.span

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """The same shape. Raises `ShapeError` if no value lies between the bounds."""
        if self.high <= self.low:
            raise ShapeError(
                "SPC005",
                f"`high` must be above low={self.low:g}, not {self.high:g}",
                "high",
                "values outside are cut off",
            )
        return Tensor(x.shape)

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """As the input."""
        return how.strides[0].like()

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.Hardtanh", **given(min_val=(self.low, -1.0), max_val=(self.high, 1.0)))


@layer("leakyrelu", first="slope", aliases=("lrelu",))
class LeakyReLU(Activation):
    """x where positive, slope·x elsewhere. Comparison and product. Source: torch.nn.LeakyReLU."""

    notation = "y = x for x > 0, slope · x otherwise"
    symbols = {"slope": "slope"}
    passes = (0.0, inf)
    span = (-inf, inf)
    operations = (("comparison", 1), ("product", 1))

    slope: float = arg(Number, "factor for negative values", default=0.01, aliases=("negative_slope",))

    @property
    def rises(self) -> bool:  # type: ignore[override]
        """Unless negative inputs become positive."""
        return self.slope >= 0

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.LeakyReLU", **given(negative_slope=(self.slope, 0.01)))


class _Levelling(Activation):
    """x where positive; levels off at -alpha for large negative inputs."""

    passes = (0.0, inf)
    alpha: float

    @property
    def span(self) -> tuple[float, float]:  # type: ignore[override]
        """From its limit at -∞."""
        return min(0.0, -self.alpha), inf

    @property
    def rises(self) -> bool:  # type: ignore[override]
        """Unless that limit is positive."""
        return self.alpha >= 0


@layer("elu", first="alpha")
class ELU(_Levelling):
    """x where positive, alpha·(exp(x) - 1) elsewhere. Source: torch.nn.ELU."""

    notation = "y = x for x > 0, α · (e^x − 1) otherwise"
    symbols = {"α": "alpha"}
    operations = (("comparison", 1), ("exponential", 1), ("subtraction", 1), ("product", 1))

    alpha: float = arg(Number, "minus the limit for large negative inputs", default=1.0)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.ELU", **given(alpha=(self.alpha, 1.0)))


@layer("selu")
class SELU(Activation):
    """1.0507·x where positive, 1.7581·(exp(x) - 1) elsewhere. Source: torch.nn.SELU; Klambauer et al. 2017."""

    bare = True
    notation = "y = 1.0507 · (x for x > 0, 1.6733 · (e^x − 1) otherwise)"
    span = (-1.7581, inf)
    rises = True
    operations = (("comparison", 1), ("exponential", 1), ("subtraction", 1), ("product", 1))


@layer("celu", first="alpha")
class CELU(_Levelling):
    """x where positive, alpha·(exp(x / alpha) - 1) elsewhere. Source: torch.nn.CELU."""

    bare = True
    notation = "y = x for x > 0, α · (e^(x/α) − 1) otherwise"
    symbols = {"α": "alpha"}
    operations = (("comparison", 1), ("division", 1), ("exponential", 1), ("subtraction", 1), ("product", 1))

    alpha: float = arg(Number, "minus the limit for large negative inputs; not 0", default=1.0)

    @property
    def span(self) -> tuple[float, float]:  # type: ignore[override]
        """Unbounded for a negative alpha, since e^(x/alpha) then grows with -x."""
        return (-self.alpha if self.alpha > 0 else -inf), inf

    @property
    def rises(self) -> bool:  # type: ignore[override]
        """For every alpha."""
        return True

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """The same shape. Raises `ShapeError` for alpha=0, a division by zero."""
        if not self.alpha:
            raise ShapeError("SPC005", "`alpha` must not be 0", "alpha", changes=[Change(line="relu", reads=x)])
        return Tensor(x.shape)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.CELU", **given(alpha=(self.alpha, 1.0)))


@layer("gelu")
class GELU(Activation):
    """x·Φ(x) with the normal distribution Φ, or its tanh approximation. Source: torch.nn.GELU."""

    reads_stretched = False
    notation = "y = x · Φ(x)        Φ(x) = (1 + erf(x / √2)) / 2"

    @property
    def computes(self) -> str:
        """The formula of the chosen approximation."""
        near = "y = x/2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))        close to x · Φ(x)"
        return near if self.approximate == "tanh" else self.notation

    span = (-0.1701, inf)
    rises = False

    approximate: str = arg(Word, "formula", choices=("none", "tanh"), default="none")

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Five operations with erf; with tanh the cube takes four more."""
        exact = self.approximate == "none"
        inside = ("cube with its factor and addition", 0 if exact else 4)
        function = ("erf" if exact else "tanh", 1)
        return work(y.elements, "element", inside, ("scaling", 1), function, ("addition", 1), ("products", 2))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.GELU", **given(approximate=(self.approximate, "none")))


@layer("softplus", first="beta")
class Softplus(Activation):
    """log(1 + exp(beta·x)) / beta. Source: torch.nn.Softplus."""

    autocast = WIDE
    bare = True
    notation = "y = ln(1 + e^(β·x)) / β for β·x ≤ threshold, x above"
    symbols = {"β": "beta", "threshold": "threshold"}
    operations = (("product", 1), ("exponential", 1), ("addition", 1), ("logarithm", 1), ("division", 1))

    beta: float = arg(Number, "sharpness", default=1.0, above=0)
    threshold: float = arg(Number, "value of beta·x above which y = x", default=20.0)

    @property
    def span(self) -> tuple[float, float]:  # type: ignore[override]
        """From 0, or from the point where y = x takes over, if that is lower."""
        return min(0.0, self.threshold / self.beta), inf

    @property
    def rises(self) -> bool:  # type: ignore[override]
        """Unless the step down to y = x is more than rounding."""
        return self.threshold >= 20

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.Softplus", **given(beta=(self.beta, 1.0), threshold=(self.threshold, 20.0)))
