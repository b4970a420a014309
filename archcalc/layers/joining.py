"""Concatenation: several tensors side by side."""

from __future__ import annotations

from archcalc.layers.arguments import Whole, arg
from archcalc.layers.base import ShapeError, layer
from archcalc.layers.code import Code, expression
from archcalc.layers.content import numbers_only
from archcalc.layers.feature_axis import FeatureAxis
from archcalc.layers.field import Field
from archcalc.layers.operands import FEW, Operands
from archcalc.layers.saved import Saving
from archcalc.layers.shape import beside
from archcalc.layers.strides import Strides, concatenated
from archcalc.layers.tensor import Tensor


@layer("concat", first="operands", aliases=("cat", "concatenate"), family="merge")
class Concat(FeatureAxis):
    """Concatenates operands, by default along channels or features. Source: torch.cat."""

    computes_nothing = True
    selects = True
    bare = True
    notation = "y = [a, b, …] along the axis"
    count: int = 2  # of its operands, once they are known

    @property
    def computes(self) -> str:
        """The equation with every operand, if there are few."""
        letters = ", ".join("abcd"[: self.count]) if self.count <= FEW else f"a, b, …, {self.count} operands"
        return f"y = [{letters}] along the axis"

    does = "joins"
    any_order = True
    hands_on = True
    keeps_nothing = True
    takes_input = False
    numeric = False

    operands: tuple[Tensor, ...] = arg(Operands, "what is joined")
    axis: int | None = arg(Whole, "axis; default: channels or features", default=None, min=-8, aliases=("dim",))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if two operands differ in another axis."""
        tensors = (x, *others)
        self.count = len(tensors)
        numbers_only(self.op, tensors)
        axis = self.along(x)
        for index, tensor in enumerate(others, 1):
            if tensor.rank != x.rank or any(a != b for i, (a, b) in enumerate(zip(x.shape, tensor.shape)) if i != axis):
                help = "all other axes must be equal" if tensor.rank == x.rank else "operands need equal rank"
                message = f"concat along axis {axis}: {x} and {tensor} do not match"
                raise ShapeError("SHP107", message, operand=index, help=help)
        joined = sum(tensor.shape[axis] for tensor in tensors)
        return Tensor((*x.shape[:axis], joined, *x.shape[axis + 1 :]))

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """Each position sees itself, unless positions are joined."""
        return beside(x, (self.along(x),))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Channels last if all operands are channels last."""
        return concatenated(how.strides, (how.batch, *y.shape))

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """True if operands are joined along the channels."""
        return self.axis is None or read.axis(self.axis) == read.feature_axis

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        axis = self.along(x)
        return expression("torch.cat([{inputs}], dim={axis})", axis=axis + 1)
