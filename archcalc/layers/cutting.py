"""Layers that take positions of an axis, as views of the same memory."""

from __future__ import annotations

from archcalc.layers.arguments import Size, Whole, arg
from archcalc.layers.base import ShapeError, layer
from archcalc.layers.change import Change, divisors_near
from archcalc.layers.code import Code, expression
from archcalc.layers.feature_axis import FeatureAxis
from archcalc.layers.field import ITSELF, Field, windows
from archcalc.layers.layout import ENDS, KEEPS, axis_of
from archcalc.layers.saved import Saving
from archcalc.layers.shape import Rearranging, beside, moved
from archcalc.layers.strides import Strides
from archcalc.layers.tensor import Tensor
from archcalc.quantity import ceil_div, plain


@layer("select", first="index", family="shape")
class Select(Rearranging):
    """One position of an axis; the axis is removed. [n, features] -> [features]. Source: torch.select."""

    notation = "y = x[index]"
    symbols = {"index": "index"}

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

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """Each position sees itself if the axis is that of channels or features."""
        return beside(x, (self.axis_index("axis", x),))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Those of the other axes."""
        return how.strides[0].selected(inputs[0].axis(self.axis) + 1)

    def survives(self, layout: str, x: Tensor) -> bool:
        """Unless the axis of channels or features is removed."""
        return x.axis(self.axis) != axis_of(layout, x.rank)

    def output_rank(self, *inputs: Tensor) -> int:
        """One axis is removed."""
        return inputs[0].rank - 1

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("{0}.select({axis}, {index})", axis=x.axis(self.axis) + 1, index=self.index)


@layer("slice", first="start", family="shape")
class Slice(Rearranging):
    """Positions from start up to but excluding end, like a slice in Python. Source: Tensor.__getitem__."""

    sets_sizes = True
    notation = "y = x[start:end]"

    @property
    def computes(self) -> str:
        """With the positions, as Python writes them."""
        end, step = "" if self.end is None else f"{self.end}", "" if self.step == 1 else f":{self.step}"
        return f"y = x[{self.start}:{end}{step}]"

    layout = KEEPS
    hands_on = False

    start: int = arg(Whole, "first position; negative from the end", default=0, min=-(2**62))
    end: int | None = arg(Whole, "position after the last; default: to the end", default=None, min=-(2**62))
    axis: int = arg(Whole, "axis", default=0, min=-8, aliases=("dim",))
    step: int = arg(Whole, "from one position to the next", default=1, min=1)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if nothing would be left."""
        axis = self.axis_index("axis", x)
        size = x.shape[axis]
        start = self.begin(x)
        end = size if self.end is None else min(size, self.end + size if self.end < 0 else self.end)
        if end <= start:
            raise ShapeError(
                "SHP104",
                f"positions {start} to {end} of the {size} on axis {axis} of {x} are none",
                "start" if self.end is None else "end",
                f"`start` is from 0 to {size - 1}, and `end` after it",
            )
        count = end - start if self.step == 1 else ceil_div(end - start, self.step)
        return moved(x, (*x.shape[:axis], count, *x.shape[axis + 1 :]))

    def begin(self, x: Tensor) -> int:
        """The first position, counted from the start."""
        size = x.shape[self.axis_index("axis", x)]
        return max(0, self.start + size if self.start < 0 else self.start)

    def reach(self, axis: int, x: Tensor) -> tuple[int, int] | None:
        """The element shifted by the number of positions cut off before it."""
        cuts = axis == self.axis_index("axis", x) and self.start >= 0 and self.step == 1
        return (-self.start, self.start) if cuts else None

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """Each position sees itself, shifted by the positions cut off before it."""
        return [
            windows(1, plain(self.step), self.begin(x)) if axis == self.axis_index("axis", x) else ITSELF
            for axis in x.positions
        ]

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Those of the input, with gaps."""
        axis = inputs[0].axis(self.axis)
        return how.strides[0].cut(axis + 1, y.shape[axis], plain(self.step))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        before = ", ".join([":"] * (x.axis(self.axis) + 1))
        if self.step != 1:
            end = "" if self.end is None else int(self.end)
            return expression("{0}[" + f"{before}, {int(self.start)}:{end}:{int(self.step)}]")
        if self.end is None:
            return expression("{0}[" + before + ", {start}:]", start=int(self.start))
        return expression("{0}[" + before + ", {start}:{end}]", start=int(self.start), end=int(self.end))


# The maximum number of equal parts: each is an output.
_MOST = 1000


@layer("split", first="parts", aliases=("chunk",), family="shape")
class Split(FeatureAxis, Rearranging):
    """Parts of an axis as outputs NAME.0, NAME.1, ...: equal parts, or parts of given sizes. Source: torch.chunk, torch.split."""

    notation = "x = [y.0, y.1, …] along the axis"

    does = "cuts"
    hands_on = False

    parts: int | None = arg(Whole, "number of equal parts", default=None, min=1, max=_MOST, aliases=("chunks",))
    sizes: tuple[int, ...] | None = arg(
        Size,
        "the size of each part instead, e.g. 3x7; -1 for what is left",
        default=None,
        also=-1,
        aliases=("split_size",),
        spreads=False,
    )
    axis: int | None = arg(Whole, "axis; default: channels or features", default=None, min=-8, aliases=("dim",))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if the parts do not add up to the axis."""
        axis = self.along(x)
        parts = {
            str(index): moved(x, (*x.shape[:axis], size, *x.shape[axis + 1 :]))
            for index, size in enumerate(self._parts(x, axis))
        }
        whole = moved(x, x.shape)
        whole.outputs, whole.parts = parts, True
        return whole

    def _parts(self, x: Tensor, axis: int) -> tuple[int, ...]:
        """The size of each part."""
        size = x.shape[axis]
        if (self.parts is None) == (self.sizes is None):
            message = "`split` takes a number of parts or their sizes, not both"
            if self.parts is None:
                message = "`split` needs `parts` or `sizes`"
            raise ShapeError(
                "SPC004", message, None if self.parts is None else "sizes", "e.g. `split 2` or `split sizes=3x7`"
            )
        if self.parts is not None:
            if size % self.parts:
                near = divisors_near(size, plain(self.parts), lambda parts: 1 < parts <= _MOST)
                raise ShapeError(
                    "SHP108",
                    f"{self.parts} parts do not divide the {size} of axis {axis} in {x}",
                    "parts",
                    "`sizes=` takes unequal parts",
                    changes=[Change({"parts": parts}) for parts in near],
                )
            return (size // self.parts,) * plain(self.parts)
        assert self.sizes is not None
        rest = size - sum(part for part in self.sizes if part != -1)
        open_ones = self.sizes.count(-1)
        if open_ones > 1 or (rest != 0 if not open_ones else rest < 1):
            said = "+".join(str(int(part)) for part in self.sizes)
            raise ShapeError(
                "SHP108",
                f"parts of {said} are not the {size} of axis {axis} in {x}",
                "sizes",
                "one may be -1, what is left",
            )
        return tuple(rest if part == -1 else part for part in self.sizes)

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """Each position sees itself if the axis is that of channels or features."""
        return beside(x, (self.along(x),))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Those of the input, whose memory all parts share."""
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
        parts = [str(one) for one in (self.infer(*inputs).outputs or {}).values()]
        return f"{len(parts)} of {parts[0]}" if len(set(parts)) == 1 else " and ".join(parts)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        axis = self.along(x)
        if self.parts is None:
            sizes = tuple(one.shape[axis] for one in (y.outputs or {}).values())
            code = expression("{0}.split({sizes}, dim={axis})", sizes=sizes, axis=axis + 1)
        else:
            code = expression("{0}.chunk({parts}, dim={axis})", parts=self.parts, axis=axis + 1)
        code.outputs = {name: "{out}[" + name + "]" for name in y.outputs or {}}
        return code
