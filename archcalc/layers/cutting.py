"""Layers that take positions of an axis, as views of the same memory."""

from __future__ import annotations

from archcalc.layers.arguments import Whole, arg
from archcalc.layers.asking import Asking
from archcalc.layers.base import ShapeError, layer
from archcalc.layers.change import Change, divisors_near
from archcalc.layers.code import Code, expression
from archcalc.layers.layout import ENDS, KEEPS, axis_of
from archcalc.layers.saved import Saving
from archcalc.layers.shape import Rearranging, moved
from archcalc.layers.strides import Strides
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain


@layer("select", first="index", family="shape")
class Select(Rearranging):
    """One position of an axis, which goes away. [n, features] -> [features]. Source: torch.select."""

    layout = ENDS
    hands_on = False

    index: int = arg(Whole, "position; negative from the end", min=-(2**62))
    axis: int = arg(Whole, "axis", default=0, min=-8, aliases=("dim",))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for a position outside the axis."""
        axis = self.axis_index("axis", x)
        size = x.shape[axis]
        if not -size <= self.index < size:
            raise ShapeError(
                "SHP108",
                f"position {self.index} is outside the {size} of axis {axis} in {x}",
                "index",
                changes=[Change({"index": 0 if self.index < 0 else -1})],
            )
        if x.rank == 1:
            index = plain(self.index)
            line = f"slice {index}" + (f" end={index + 1}" if index != -1 else "")
            raise ShapeError(
                "SHP108",
                f"selecting from {x} would leave no axis",
                "index",
                changes=[Change(line=line, reads=Tensor((1,)))],
            )
        return moved(x, (*x.shape[:axis], *x.shape[axis + 1 :]))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Those of the other axes."""
        return how.strides[0].selected(inputs[0].axis(self.axis) + 1)

    def survives(self, layout: str, x: Tensor) -> bool:
        """Unless the axis of channels or features goes away."""
        return x.axis(self.axis) != axis_of(layout, x.rank)

    def output_rank(self, *inputs: Tensor) -> int:
        """One axis goes away."""
        return inputs[0].rank - 1

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("{0}.select({axis}, {index})", axis=x.axis(self.axis) + 1, index=self.index)


@layer("slice", first="start", family="shape")
class Slice(Rearranging):
    """Positions from start up to, not including, end, as a slice in Python. Source: Tensor.__getitem__."""

    layout = KEEPS
    hands_on = False

    start: int = arg(Whole, "first position; negative from the end", default=0, min=-(2**62))
    end: int | None = arg(Whole, "position after the last; default: to the end", default=None, min=-(2**62))
    axis: int = arg(Whole, "axis", default=0, min=-8, aliases=("dim",))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` when nothing would be left."""
        axis = self.axis_index("axis", x)
        size = x.shape[axis]
        start = max(0, self.start + size if self.start < 0 else self.start)
        end = size if self.end is None else min(size, self.end + size if self.end < 0 else self.end)
        if end <= start:
            raise ShapeError(
                "SHP104",
                f"positions {start} to {end} of the {size} on axis {axis} of {x} are none",
                "start" if self.end is None else "end",
            )
        return moved(x, (*x.shape[:axis], end - start, *x.shape[axis + 1 :]))

    def reach(self, axis: int, x: Tensor) -> tuple[int, int] | None:
        """The element as many places later as are cut off before."""
        return (-self.start, self.start) if axis == self.axis_index("axis", x) and self.start >= 0 else None

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Those of the input, with gaps."""
        axis = inputs[0].axis(self.axis)
        return how.strides[0].cut(axis + 1, y.shape[axis])

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        before = ", ".join([":"] * (x.axis(self.axis) + 1))
        if self.end is None:
            return expression("{0}[" + before + ", {start}:]", start=int(self.start))
        return expression("{0}[" + before + ", {start}:{end}]", start=int(self.start), end=int(self.end))


@layer("split", first="parts", aliases=("chunk",), family="shape")
class Split(Asking, Rearranging):
    """Equal parts of an axis, as outputs NAME.0, NAME.1, ... Source: torch.chunk."""

    does = "cuts"
    hands_on = False

    parts: int = arg(Whole, "number of parts", min=1, max=1000, aliases=("chunks",))
    axis: int | None = arg(Whole, "axis; default: channels or features", default=None, min=-8, aliases=("dim",))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` when the parts would not be equal."""
        axis = self.along(x)
        if x.shape[axis] % self.parts:
            raise ShapeError(
                "SHP108",
                f"{self.parts} parts do not divide the {x.shape[axis]} of axis {axis} in {x}",
                "parts",
                "`slice` takes unequal parts",
                changes=[
                    Change({"parts": parts}) for parts in divisors_near(x.shape[axis], plain(self.parts)) if parts > 1
                ],
            )
        shape = (*x.shape[:axis], x.shape[axis] // self.parts, *x.shape[axis + 1 :])
        parts = {str(index): moved(x, shape) for index in range(self.parts)}
        whole = moved(x, x.shape)
        whole.outputs, whole.parts = parts, True
        return whole

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """As a whole the input."""
        return how.strides[0]

    def further_strides(self, name: str, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Those of the input, with gaps."""
        axis = self.along(inputs[0])
        return how.strides[0].cut(axis + 1, (y.outputs or {})[name].shape[axis])

    def further_memory(self, name: str) -> str | None:
        """A part is a view."""
        return ""

    def outcome(self, axis: int, *inputs: Tensor) -> str:
        """The parts."""
        return f"{self.parts} of {(self.infer(*inputs).outputs or {})['0']}"

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        axis = self.along(x)
        code = expression("{0}.chunk({parts}, dim={axis})", parts=self.parts, axis=axis + 1)
        code.outputs = {name: "{out}[" + name + "]" for name in y.outputs or {}}
        return code
