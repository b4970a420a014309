"""The two ends of `each`: entries become samples, and samples become entries again. Not layers of the language."""

from __future__ import annotations

from archcalc.layers.base import ShapeError
from archcalc.layers.code import Code, expression
from archcalc.layers.field import ITSELF, Field
from archcalc.layers.layout import CHANNELS_FIRST, EACH, ENDS, FEATURES_LAST, Layout, axis_of, between
from archcalc.layers.saved import Saving
from archcalc.layers.shape import Rearranging, moved
from archcalc.layers.strides import Strides
from archcalc.layers.tensor import Shape, Tensor


class End(Rearranging):
    """What both ends have in common."""

    family = "shape"
    shown = False
    layout = ENDS

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """The same elements in the sizes of the output."""
        return how.strides[0].reshaped((how.batch, *y.shape))

    def shares(self, how: Saving, y: Tensor, *inputs: Tensor) -> bool:
        """True if strides can express the new sizes."""
        return how.strides[0].viewed((how.batch, *y.shape)) is not None

    def survives(self, layout: str, x: Tensor) -> bool:
        """Features stay last."""
        return layout == FEATURES_LAST


class Entries(End):
    """Every entry of the first axis becomes a sample."""

    op = "entries"
    notation = "y = x[i]        one run of the layers for each entry i of the first axis"
    loop = EACH
    apart = True  # nothing passes between entries
    one_pass = True
    bare = True

    def cut(self, x: Tensor) -> Tensor:
        """One entry. Raises `ShapeError` for a tensor without entries."""
        if x.rank < 2:
            help = "an entry needs an axis of its own, as in [steps, features]"
            message = f"`{self.loop}` goes through the first of several axes, but its input is {x}"
            raise ShapeError("SHP101", message, help=help)
        return moved(x, x.shape[1:])

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for a tensor without entries."""
        y = self.cut(x)
        if not any(
            one.batched for one in (x, *others)
        ):  # next to a tensor with a batch, one of parameters alone is shared by all samples
            help = "go through something that depends on the input, or write the layers without `each`"
            raise ShapeError(
                "SHP101",
                f"`each` iterates over the entries of each sample, but {x} depends only on parameters",
                help=help,
            )
        y.entries = x.entries * x.shape[0]
        return y

    def sources(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The tensor that is iterated over; those iterated over in parallel have as many entries."""
        return inputs[:1]

    def output_rank(self, *inputs: Tensor) -> int:
        """One axis fewer."""
        return inputs[0].rank - 1

    def gives(self, *inputs: Tensor) -> Layout:
        """The layout of the entries, if the axis of channels is known."""
        layout = inputs[0].layout
        if layout in (None, CHANNELS_FIRST, FEATURES_LAST):
            return None
        axis = axis_of(layout, inputs[0].rank)
        return CHANNELS_FIRST if axis == 1 else between(axis - 1)

    def seen(self, fields: tuple[Field, ...], y: Tensor, x: Tensor, sizes: Shape) -> tuple[Field, ...] | None:
        """The receptive fields along the entry's own axes, if elements of `x` see `fields` of an input of these sizes.

        Only the entry may know that an axis is one of positions; if nothing has read the tensor before, each position
        sees itself there. None if its size changed on the way. Removed axes, along which all elements see the same, are
        still in `fields`.
        """
        if len(fields) > len(x.positions):
            still = [field for field in fields if not field.is_constant]
            return fields[1:] if len(still) == len(x.positions) and still[:1] == [fields[0]] else None
        known = {axis - x.rank: field for axis, field in zip(x.positions, fields)}
        axes = [axis - y.rank for axis in y.positions]
        if any(axis not in known and (-axis > len(sizes) or x.shape[axis] != sizes[axis]) for axis in axes):
            return None
        return tuple(known.get(axis, ITSELF) for axis in axes)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("{0}.flatten(0, 1)")


class Stacked(End):
    """Samples that were entries become entries again, along a new first axis."""

    op = "stacked"
    notation = "y[i] = x of entry i        side by side along a new first axis"
    one_pass = True
    bare = True
    count: int

    def stacked(self, x: Tensor) -> Tensor:
        """`x`, this many times."""
        return moved(x, (self.count, *x.shape))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """One more axis. Raises `ShapeError` for a tensor that is the same for all entries."""
        if not x.batched:
            raise ShapeError(
                "SHP101",
                f"the output of `each` for an entry, {x}, depends only on parameters",
                help="take something of the entry into it, or write the layers before `each`",
            )
        y = self.stacked(x)
        y.entries = x.entries // self.count
        return y

    def output_rank(self, *inputs: Tensor) -> int:
        """One more axis."""
        return inputs[0].rank + 1

    def gives(self, *inputs: Tensor) -> Layout:
        """Features last for vectors; channels are no longer on the first axis."""
        x = inputs[0]
        if x.rank == 1:
            return FEATURES_LAST
        if x.layout in (None, FEATURES_LAST):
            return None
        return between(axis_of(x.layout, x.rank) + 1)

    def seen(self, fields: tuple[Field, ...], y: Tensor, x: Tensor, entries: Field) -> tuple[Field, ...] | None:
        """The fields inside an entry, and along the axis of entries those from before they were taken apart."""
        lie = (0, *(axis + 1 for axis in x.positions))
        return (entries, *fields) if y.positions == lie else None

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("{0}.unflatten(0, (-1, {entries}))", entries=self.count)
