"""Activation functions: element by element, any shape, nothing learned but prelu's slopes."""

from __future__ import annotations

from typing import Any, ClassVar

from archcalc.layers.arguments import Number, Whole, Word, arg
from archcalc.layers.asking import Asking
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, given, module
from archcalc.layers.layout import CHANNELS_FIRST, KEEPS
from archcalc.layers.saved import INPUT, OUTPUT, Saved, Saving
from archcalc.layers.strides import NUMBER, Strides, contiguous, iterated
from archcalc.layers.tensor import Shape, Tensor, Want
from archcalc.quantity import plain
from archcalc.terms import Pieces, work


class Activation(Layer):
    """A function of each element; `operations` are its for one, `keeps` what its derivative is computed from."""

    layout = KEEPS
    elementwise = True
    operations: ClassVar[Pieces] = ()
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
    operations = (("comparison", 1),)

    keeps = OUTPUT


@layer("relu6")
class ReLU6(Activation):
    """min(max(x, 0), 6). Two comparisons. Source: torch.nn.ReLU6."""

    notation = "y = min(max(0, x), 6)"
    operations = (("comparisons", 2),)

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """As the input."""
        return how.strides[0].like()


@layer("sigmoid", aliases=("logistic",))
class Sigmoid(Activation):
    """1 / (1 + exp(-x)). Sign, exponential, addition, division. Source: torch.nn.Sigmoid."""

    notation = "y = σ(x) = 1 / (1 + e^(−x))"
    operations = (("sign", 1), ("exponential", 1), ("addition", 1), ("division", 1))

    keeps = OUTPUT


@layer("tanh")
class Tanh(Activation):
    """tanh(x). One hyperbolic tangent. Source: torch.nn.Tanh."""

    notation = "y = tanh(x)"
    operations = (("hyperbolic tangent", 1),)

    keeps = OUTPUT


@layer("silu", aliases=("swish",))
class SiLU(Activation):
    """x · sigmoid(x). A sigmoid (4) and a product. Source: torch.nn.SiLU."""

    notation = "y = x · σ(x)"
    operations = (("σ", 4), ("product", 1))


@layer("mish")
class Mish(Activation):
    """x · tanh(log(1 + exp(x))). Exponential, addition, logarithm, tangent, product. Source: torch.nn.Mish."""

    notation = "y = x · tanh(ln(1 + e^x))"
    operations = (("exponential", 1), ("addition", 1), ("logarithm", 1), ("tangent", 1), ("product", 1))


@layer("hardswish", aliases=("hswish",))
class Hardswish(Activation):
    """x · relu6(x + 3) / 6. Addition, two comparisons, division, product. Source: torch.nn.Hardswish."""

    notation = "y = x · min(max(0, x + 3), 6) / 6"
    operations = (("addition", 1), ("comparisons", 2), ("division", 1), ("product", 1))


@layer("hardsigmoid", aliases=("hsigmoid",))
class Hardsigmoid(Activation):
    """relu6(x + 3) / 6. Addition, two comparisons, division. Source: torch.nn.Hardsigmoid."""

    notation = "y = min(max(0, x + 3), 6) / 6"
    operations = (("addition", 1), ("comparisons", 2), ("division", 1))


@layer("softsign")
class Softsign(Activation):
    """x / (1 + |x|). Absolute value, addition, division. Source: torch.nn.Softsign."""

    notation = "y = x / (1 + |x|)"
    operations = (("absolute value", 1), ("addition", 1), ("division", 1))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """As the input and the denominator, which is a sum with a number."""
        x = how.strides[0]
        return iterated(x, iterated(iterated(x), NUMBER))

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input and the denominator."""
        return how.first(Saved((0,), extra={"denominator": how.batch * plain(y.elements) * how.width}))


@layer("logsigmoid")
class LogSigmoid(Activation):
    """-log(1 + exp(-x)). Two signs, exponential, addition, logarithm. Source: torch.nn.LogSigmoid."""

    notation = "y = ln σ(x) = −ln(1 + e^(−x))"
    operations = (("signs", 2), ("exponential", 1), ("addition", 1), ("logarithm", 1))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the order of its axes."""
        return contiguous((how.batch, *y.shape))

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input; on the CPU the exponential too."""
        kept = 0 if how.gpu else how.batch * plain(y.elements) * how.width
        return how.first(Saved((0,), extra={"exponential": kept}))


@layer("hardtanh", aliases=("clamp", "clip"))
class Hardtanh(Activation):
    """min(max(x, low), high). Two comparisons. Source: torch.nn.Hardtanh."""

    notation = "y = min(max(low, x), high)"
    operations = (("comparisons", 2),)

    low: float = arg(Number, "smallest value", default=-1.0, aliases=("min_val", "min_value", "min"))
    high: float = arg(Number, "largest value; above low", default=1.0, aliases=("max_val", "max_value", "max"))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` where no value lies between the two."""
        if self.high <= self.low:
            raise ShapeError("SPC005", f"`high` is above low={self.low:g}, not {self.high:g}", "high")
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
    operations = (("comparison", 1), ("product", 1))

    slope: float = arg(Number, "factor of negative values", default=0.01, aliases=("negative_slope",))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.LeakyReLU", **given(negative_slope=(self.slope, 0.01)))


@layer("prelu", first="parameters")
class PReLU(Activation):
    """x where positive, a learned slope times x elsewhere. Source: torch.nn.PReLU."""

    notation = "y = x for x > 0, a · x otherwise, with a learned"
    operations = (("comparison", 1), ("product", 1))

    parameters: int = arg(Whole, "slopes: 1, or one for each channel", default=1, min=1, aliases=("num_parameters",))
    init: float = arg(Number, "initial slope", default=0.25)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` unless there is one slope, or one for each channel of the first axis."""
        if self.parameters not in (1, x.shape[0]):
            raise ShapeError(
                "SHP101",
                f"{self.parameters} slopes for the {x.shape[0]} channels of {x}",
                "parameters",
                changes=[Change({"parameters": number}) for number in (1, plain(x.shape[0]))],
            )
        return Tensor(x.shape)

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """Channels first, where each channel has a slope of its own."""
        return ((inputs[0], CHANNELS_FIRST, "parameters"),) if self.parameters != 1 else ()

    def disagreement(self, want: Want, inputs: tuple[Tensor, ...], found: str, by: Any) -> ShapeError:
        """One slope does for any layout."""
        error = super().disagreement(want, inputs, found, by)
        error.help = "use one slope"
        return error

    def params(self, x: Tensor) -> dict[str, Shape]:
        """The slopes."""
        return {"weight": (self.parameters,)}

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """As the input."""
        return how.strides[0].like()

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, for the gradient of the slopes."""
        return INPUT

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.PReLU", **given(num_parameters=(self.parameters, 1), init=(self.init, 0.25)))


@layer("elu", first="alpha")
class ELU(Activation):
    """x where positive, alpha·(exp(x) - 1) elsewhere. Source: torch.nn.ELU."""

    notation = "y = x for x > 0, α · (e^x − 1) otherwise"
    operations = (("comparison", 1), ("exponential", 1), ("subtraction", 1), ("product", 1))

    alpha: float = arg(Number, "value far left, negated", default=1.0)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.ELU", **given(alpha=(self.alpha, 1.0)))


@layer("selu")
class SELU(Activation):
    """1.0507·x where positive, 1.7581·(exp(x) - 1) elsewhere. Source: torch.nn.SELU; Klambauer et al. 2017."""

    notation = "y = 1.0507 · (x for x > 0, 1.6733 · (e^x − 1) otherwise)"
    operations = (("comparison", 1), ("exponential", 1), ("subtraction", 1), ("product", 1))


@layer("celu", first="alpha")
class CELU(Activation):
    """x where positive, alpha·(exp(x / alpha) - 1) elsewhere. Source: torch.nn.CELU."""

    notation = "y = x for x > 0, α · (e^(x/α) − 1) otherwise"
    operations = (("comparison", 1), ("division", 1), ("exponential", 1), ("subtraction", 1), ("product", 1))

    alpha: float = arg(Number, "value far left, negated; not 0", default=1.0)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for alpha=0, by which nothing can be divided."""
        if not self.alpha:
            raise ShapeError("SPC005", "`alpha` is not 0", "alpha", changes=[Change(line="relu", reads=x)])
        return Tensor(x.shape)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.CELU", **given(alpha=(self.alpha, 1.0)))


@layer("glu")
class GLU(Asking):
    """Half of the channels or features, each times a gate between 0 and 1: a · sigmoid(b) with the input [a, b].

    [2n, ...] -> [n, ...]. Source: torch.nn.GLU; Dauphin et al. 2016.
    """

    notation = "y = a ⊙ σ(b)        x = [a, b], two halves"

    does = "halves"
    axis: int | None = arg(
        Whole, "axis cut in two; default: channels or features", default=None, min=-8, aliases=("dim",)
    )

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for an axis the input does not have, or that has no halves."""
        axis = self.along(x)
        if x.shape[axis] % 2:
            raise ShapeError(
                "SHP108", f"2 does not divide the {x.shape[axis]} of axis {axis} in {x}", "axis" if self.axis else None
            )
        return Tensor((*x.shape[:axis], x.shape[axis] // 2, *x.shape[axis + 1 :]))

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """A sigmoid (4) and a product for each element of the output."""
        return work(y.elements, "output element", ("σ", 4), ("product", 1))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """As the two halves."""
        axis = self.along(inputs[0])
        half = how.strides[0].cut(axis + 1, y.shape[axis])
        return iterated(half, half)

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input."""
        return how.first(INPUT)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        axis = self.along(x)
        return module("nn.GLU", **given(dim=(-1 if axis == x.rank - 1 else axis + 1, -1)))


@layer("gelu")
class GELU(Activation):
    """x·Φ(x) with the normal distribution Φ, or its tanh approximation. Source: torch.nn.GELU."""

    notation = "y = x · Φ(x)        Φ: the normal distribution"

    approximate: str = arg(Word, "formula", choices=("none", "tanh"), default="none")

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Five operations with erf; with tanh the cube takes four more."""
        exact = self.approximate == "none"
        inside = ("cube, its factor and addition", 0 if exact else 4)
        function = ("erf" if exact else "tanh", 1)
        return work(y.elements, "element", inside, ("scaling", 1), function, ("addition", 1), ("products", 2))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.GELU", **given(approximate=(self.approximate, "none")))


@layer("softplus", first="beta")
class Softplus(Activation):
    """log(1 + exp(beta·x)) / beta. Source: torch.nn.Softplus."""

    notation = "y = ln(1 + e^(β·x)) / β"
    operations = (("product", 1), ("exponential", 1), ("addition", 1), ("logarithm", 1), ("division", 1))

    beta: float = arg(Number, "sharpness", default=1.0, above=0)
    threshold: float = arg(Number, "beta·x from which on it is x itself", default=20.0)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.Softplus", **given(beta=(self.beta, 1.0), threshold=(self.threshold, 20.0)))


class _Softmax(Asking):
    operations: ClassVar[Pieces]

    does = "normalises"
    axis: int | None = arg(
        Whole, "axis that sums to 1; default: channels or features", default=None, min=-8, aliases=("dim",)
    )

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for an axis the input does not have."""
        self.along(x)
        return Tensor(x.shape)

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


@layer("softmax")
class Softmax(_Softmax):
    """exp(x) over its sum along an axis. Source: torch.nn.Softmax."""

    notation = "y[i] = e^(x[i]) / Σ e^(x[j])"
    operations = ("maximum", 1), ("subtraction", 1), ("exponential", 1), ("sum", 1), ("division", 1)


@layer("logsoftmax", aliases=("log_softmax",))
class LogSoftmax(_Softmax):
    """Logarithm of softmax. Source: torch.nn.LogSoftmax."""

    notation = "y[i] = x[i] − ln Σ e^(x[j])"
    operations = ("maximum", 1), ("subtraction", 1), ("exponential", 1), ("sum", 1), ("logarithm and subtraction", 1)
