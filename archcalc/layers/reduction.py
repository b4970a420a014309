"""Reductions along an axis. Axes are numbered without the batch."""

from __future__ import annotations

from typing import ClassVar

from archcalc.layers.arguments import Flag, Number, Size, Whole, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, expression
from archcalc.layers.feature_axis import Normalizing
from archcalc.layers.layout import ENDS, KEEPS, axis_of
from archcalc.layers.memory import WIDE
from archcalc.layers.saved import INPUT, NOTHING, Saved, Saving
from archcalc.layers.strides import Strides, contiguous, iterated
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain
from archcalc.terms import Pieces, work


class Reduction(Layer):
    """One number for all elements along one axis or several.

    `operations` are per input element, `more` per output element; `keeps` is what its gradient is computed from.
    """

    sets_sizes = True
    one_pass = True
    bare = True
    nonnegative = True
    layout = ENDS
    operations: ClassVar[Pieces] = (("addition", 1),)
    more: ClassVar[Pieces] = ()
    keeps: ClassVar[Saved] = NOTHING
    # PyTorch's name, and what comes before the axes in its call.
    call: ClassVar[str]
    before: ClassVar[str] = ""

    axis: tuple[int, ...] = arg(Size, "axes, e.g. 0 or 1x2", default=(0,), min=-8, aliases=("dim",), spreads=False)
    keepdim: bool = arg(Flag, "keep the axes with size 1", default=False)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for axes the input does not have, or if none would be left."""
        axes = self.axis_indices("axis", x)
        if self.keepdim:
            return Tensor(tuple(1 if index in axes else size for index, size in enumerate(x.shape)))
        shape = tuple(size for index, size in enumerate(x.shape) if index not in axes)
        if not shape:
            keep = [Change({"keepdim": True})]
            raise ShapeError("SHP108", f"the {self.op} of all of {x} would leave no axis", "axis", changes=keep)
        return Tensor(shape)

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """The reduced axes."""
        return self.axis_indices("axis", x)

    def survives(self, layout: str, x: Tensor) -> bool:
        """Unless the axis of channels or features is removed."""
        return self.keepdim or axis_of(layout, x.rank) not in [x.axis(index) for index in self.axis]

    def output_rank(self, *inputs: Tensor) -> int:
        """Without the reduced axes, unless they are kept with size 1."""
        return inputs[0].rank - (0 if self.keepdim else len(self.axis))

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """True if it reduces all positions."""
        return inputs[0].rank == 2 and [inputs[0].axis(axis) for axis in self.axis] == [0]

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """The operations of every element of the input, then those of every element of the output."""
        total = work(inputs[0].elements, "input element", *self.operations)
        return total + work(y.elements, "output element", *self.more) if self.more else total

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """What the gradient is computed from."""
        return how.first(self.keeps)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        axes = tuple(sorted(x.axis(index) + 1 for index in self.axis))
        keep = ", keepdim=True" if self.keepdim else ""
        return expression(
            f"{self.call}({self.before}" + "dim={axes}" + f"{self.after}{keep})",
            axes=axes if len(axes) > 1 else axes[0],
        )

    @property
    def after(self) -> str:
        """What follows the axes in PyTorch's call."""
        return ""


@layer("mean", first="axis", aliases=("reducemean",))
class Mean(Reduction):
    """Mean over one axis or several. [n, features] -> [features]. Source: torch.mean."""

    notation = "y = Σ x[i] / n"

    call = "{0}.mean"


@layer("sum", first="axis", aliases=("reducesum",))
class Sum(Reduction):
    """Sum over one axis or several. [n, features] -> [features]. Source: torch.sum."""

    autocast = WIDE
    stretches_gradient = True
    notation = "y = Σ x[i]"

    call = "{0}.sum"


_BOTH = Saved((0,), output=True)


@layer("max", first="axis", aliases=("amax", "reducemax"))
class Max(Reduction):
    """The largest value along one axis or several. [n, features] -> [features]. Source: torch.amax."""

    notation = "y = max x[i]"
    operations = (("comparison", 1),)

    call = "{0}.amax"
    keeps = _BOTH


@layer("min", first="axis", aliases=("amin", "reducemin"))
class Min(Reduction):
    """The smallest value along one axis or several. [n, features] -> [features]. Source: torch.amin."""

    notation = "y = min x[i]"
    operations = (("comparison", 1),)

    call = "{0}.amin"
    keeps = _BOTH


class _Spread(Reduction):
    """Mean (1), subtraction (1), square (1) and sum (1) per input element; a division per output element."""

    operations = ("mean", 1), ("centring", 1), ("square", 1), ("sum", 1)
    more: ClassVar[Pieces] = (("division", 1),)

    correction: int = arg(Whole, "subtracted from the number of elements before dividing", default=1, min=0)

    @property
    def computes(self) -> str:
        """The equation, with its correction."""
        return self.notation.replace("(n − 1)", f"(n − {self.correction})" if self.correction else "n")

    @property
    def after(self) -> str:
        """The correction, if it is not PyTorch's default."""
        return "" if self.correction == 1 else f", correction={int(self.correction)}"


@layer("var", first="axis", aliases=("variance",))
class Var(_Spread):
    """Variance over one axis or several. [n, features] -> [features]. Source: torch.var."""

    makes = 0, 1
    notation = "y = Σ (x[i] − mean)² / (n − 1)"

    call = "{0}.var"
    keeps = INPUT


@layer("std", first="axis", aliases=("stddev", "standarddeviation"))
class Std(_Spread):
    """Standard deviation over one axis or several. [n, features] -> [features]. Source: torch.std."""

    makes = 0, 1
    notation = "y = √(Σ (x[i] − mean)² / (n − 1))"

    call = "{0}.std"
    more = ("division", 1), ("root", 1)
    keeps = _BOTH


@layer("logsumexp", first="axis")
class LogSumExp(Reduction):
    """Logarithm of the sum of exponentials. [n, features] -> [features]. Source: torch.logsumexp.

    Maximum (1), subtraction (1), exponential (1) and sum (1) per input element; a logarithm and an addition per output
    element.
    """

    makes = 1, 2
    autocast = WIDE
    notation = "y = ln Σ e^(x[i])"

    operations = ("maximum", 1), ("subtraction", 1), ("exponential", 1), ("sum", 1)
    more = ("logarithm", 1), ("addition of the maximum", 1)
    call = "{0}.logsumexp"
    keeps = _BOTH


@layer("norm", first="axis", aliases=("vectornorm",))
class Norm(Reduction):
    """Length of the vectors along one axis or several. [n, features] -> [features]. Source: torch.linalg.vector_norm.

    A power (1) and a sum (1) per input element; a root per output element.
    """

    autocast = WIDE
    notation = "y = (Σ |x[i]|^p)^(1/p)"
    symbols = {"p": "p"}

    operations = ("power", 1), ("sum", 1)
    more = (("root", 1),)
    call = "torch.linalg.vector_norm"
    before = "{0}, "
    keeps = _BOTH

    axis: tuple[int, ...] = arg(Size, "axes, e.g. 0 or 1x2", min=-8, aliases=("dim",), spreads=False)
    p: float = arg(
        Number, "the power: 1 for the sum of absolute values, 2 for Euclid's", default=2.0, above=0, aliases=("ord",)
    )

    @property
    def after(self) -> str:
        """The power, if it is not 2."""
        return "" if self.p == 2 else f", ord={self.p!r}"


class _Place(Layer):
    """The position of a value along an axis: whole numbers, without a gradient. One comparison per element."""

    gives_constants = True
    one_pass = True
    bare = True
    keeps_nothing = True
    nonnegative = True
    layout = ENDS

    axis: int = arg(Whole, "axis, e.g. 0 or -1", min=-8, aliases=("dim",))
    keepdim: bool = arg(Flag, "keep the axis with size 1", default=False)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for an axis the input does not have, or if none would be left."""
        axis = self.axis_index("axis", x)
        shape = (*x.shape[:axis], *([1] if self.keepdim else []), *x.shape[axis + 1 :])
        if not shape:
            keep = [Change({"keepdim": True})]
            raise ShapeError("SHP108", f"the {self.op} of all of {x} would leave no axis", "axis", changes=keep)
        y = Tensor(shape, None, True)
        y.bounds = 0, x.shape[axis] - 1
        return y

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """The axis that is searched."""
        return (self.axis_index("axis", x),)

    def survives(self, layout: str, x: Tensor) -> bool:
        """Unless the axis of channels or features is removed."""
        return self.keepdim or axis_of(layout, x.rank) != x.axis(self.axis)

    def output_rank(self, *inputs: Tensor) -> int:
        """Without the axis, unless it is kept."""
        return inputs[0].rank - (not self.keepdim)

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One comparison per input element."""
        return work(inputs[0].elements, "input element", ("comparison", 1))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        keep = ", keepdim=True" if self.keepdim else ""
        return expression("{0}." + self.op + "(dim={axis}" + keep + ")", axis=x.axis(self.axis) + 1)


@layer("argmax", first="axis")
class ArgMax(_Place):
    """The position of the largest value along an axis. [n, classes] -> [n]. Source: torch.argmax."""

    notation = "y = the i with the largest x[i]"


@layer("argmin", first="axis")
class ArgMin(_Place):
    """The position of the smallest value along an axis. [n, classes] -> [n]. Source: torch.argmin."""

    notation = "y = the i with the smallest x[i]"


@layer("cumsum", first="axis", aliases=("cumulativesum",))
class CumSum(Layer):
    """Cumulative sums along an axis. [n, features] -> [n, features]. Source: torch.cumsum."""

    makes = 0, 2
    autocast = WIDE
    reads_stretched = True
    one_pass = True
    bare = True
    keeps_nothing = True
    nonnegative = True
    notation = "y[i] = x[0] + … + x[i]"
    adds_up = True

    layout = KEEPS

    axis: int = arg(Whole, "axis", default=0, min=-8, aliases=("dim",))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for an axis the input does not have."""
        self.axis_index("axis", x)
        return Tensor(x.shape)

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """The axis: the last element sees all before it."""
        return (self.axis_index("axis", x),)

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One addition per element."""
        return work(y.elements, "element", ("addition", 1))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("{0}.cumsum(dim={axis})", axis=x.axis(self.axis) + 1)


@layer("normalize", first="axis", aliases=("l2norm", "l2normalize", "l2normalization", "unitnorm", "unitnormalization"))
class Normalize(Normalizing):
    """Vectors of length 1, by default those of channels or features: x / max(norm(x), eps).

    Source: torch.nn.functional.normalize.
    """

    makes = 0, 3
    bare = True
    nonnegative = True
    notation = "y = x / max(‖x‖, ε)"
    symbols = {"ε": "eps"}

    axis: int | None = arg(
        Whole, "axis of the vectors; default: channels or features", default=None, min=-8, aliases=("dim",)
    )
    p: float = arg(Number, "the power: 1 for the sum of absolute values, 2 for Euclid's", default=2.0, above=0)
    eps: float = arg(Number, "smallest length to divide by", default=1e-12, min=0)

    def outcome(self, axis: int, *inputs: Tensor) -> str:
        """What has length 1."""
        return f"vectors of {inputs[0].shape[axis]} of length 1"

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """A power, a sum and a division per element; a root and a comparison per vector."""
        each = work(y.elements, "element", ("power", 1), ("sum", 1), ("division", 1))
        return each + work(self._vectors(y), "vector", ("root", 1), ("comparison with ε", 1))

    def _vectors(self, x: Tensor) -> int:
        return x.elements // x.shape[self.along(x)]

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, the lengths, and the divisors."""
        length = how.batch * plain(self._vectors(y)) * how.width
        return how.first(Saved((0,), extra={"length": length, "divisor": length}))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like a quotient by lengths expanded along the vectors."""
        sizes = (how.batch, *y.shape)
        axis = self.along(y) + 1
        lengths = contiguous((*sizes[:axis], 1, *sizes[axis + 1 :])).expanded(sizes)
        return iterated(how.strides[0], lengths)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        power = "" if self.p == 2 else ", p={p}"
        least = "" if self.eps == 1e-12 else ", eps={eps}"
        return expression(
            "F.normalize({0}" + power + ", dim={axis}" + least + ")", p=self.p, axis=self.along(x) + 1, eps=self.eps
        )
