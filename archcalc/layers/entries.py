"""The two ends of `each`: entries become samples, and samples entries again. No layers of the language."""

from __future__ import annotations

from archcalc.layers.base import ShapeError
from archcalc.layers.code import Code, expression
from archcalc.layers.field import ITSELF, Field
from archcalc.layers.layout import CHANNELS_FIRST, EACH, ENDS, FEATURES_LAST, Layout, axis_of, between
from archcalc.layers.saved import Saving
from archcalc.layers.shape import Rearranging, moved
from archcalc.layers.strides import Strides
from archcalc.layers.tensor import Tensor


class End(Rearranging):
    """What both ends have in common."""

    family = "shape"
    shown = False
    layout = ENDS

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """The same elements in the sizes of the output."""
        return how.strides[0].reshaped((how.batch, *y.shape))

    def shares(self, how: Saving, y: Tensor, *inputs: Tensor) -> bool:
        """Where steps in memory say the new sizes."""
        return how.strides[0].viewed((how.batch, *y.shape)) is not None

    def survives(self, layout: str, x: Tensor) -> bool:
        """Features stay last."""
        return layout == FEATURES_LAST

    def seen(self, fields: tuple[Field, ...], y: Tensor) -> tuple[Field, ...]:
        """What the output `y` sees along its axes, where the input's elements see `fields`."""
        raise NotImplementedError(self.op)


class Entries(End):
    """Every entry of the first axis as a sample of its own."""

    op = "entries"
    loop = EACH
    apart = True  # nothing passes between entries
    one_pass = True
    bare = True

    def cut(self, x: Tensor) -> Tensor:
        """An entry. Raises `ShapeError` for what has none."""
        if x.rank < 2:
            help = "an entry needs an axis of its own, as in [steps, features]"
            message = f"`{self.loop}` goes through the first of several axes, but its input is {x}"
            raise ShapeError("SHP101", message, help=help)
        return moved(x, x.shape[1:])

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for what has no entries."""
        y = self.cut(x)
        if not any(one.batched for one in (x, *others)):  # beside a tensor of each sample, one of parameters is for all
            help = "go through something that depends on the input, or write the layers without `each`"
            raise ShapeError(
                "SHP101", f"`each` goes through entries of each sample, but {x} depends on parameters alone", help=help
            )
        y.entries = x.entries * x.shape[0]
        return y

    def sources(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """The tensor that is gone through; what it is gone through beside has as many entries."""
        return inputs[:1]

    def output_rank(self, *inputs: Tensor) -> int:
        """One axis less."""
        return inputs[0].rank - 1

    def gives(self, *inputs: Tensor) -> Layout:
        """What the entries have, where the axis of channels is known."""
        layout = inputs[0].layout
        if layout in (None, CHANNELS_FIRST, FEATURES_LAST):
            return None
        axis = axis_of(layout, inputs[0].rank)
        return CHANNELS_FIRST if axis == 1 else between(axis - 1)

    def seen(self, fields: tuple[Field, ...], y: Tensor) -> tuple[Field, ...]:
        """In the entry's own axes."""
        return fields[len(fields) - len(y.positions) :]

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("{0}.flatten(0, 1)")


class Stacked(End):
    """Samples that were entries as entries again, along a new first axis."""

    op = "stacked"
    one_pass = True
    bare = True
    count: int

    def stacked(self, x: Tensor) -> Tensor:
        """So many of `x`."""
        return moved(x, (self.count, *x.shape))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for what is the same for all entries."""
        if not x.batched:
            raise ShapeError(
                "SHP101",
                f"what `each` gives for an entry, {x}, depends on parameters alone",
                help="take something of the entry into it, or write the layers before `each`",
            )
        y = self.stacked(x)
        y.entries = x.entries // self.count
        return y

    def output_rank(self, *inputs: Tensor) -> int:
        """One axis more."""
        return inputs[0].rank + 1

    def gives(self, *inputs: Tensor) -> Layout:
        """Vectors are features of entries; channels are no longer on the first axis."""
        x = inputs[0]
        if x.rank == 1:
            return FEATURES_LAST
        if x.layout in (None, FEATURES_LAST):
            return None
        return between(axis_of(x.layout, x.rank) + 1)

    def seen(self, fields: tuple[Field, ...], y: Tensor) -> tuple[Field, ...]:
        """Nothing of other entries."""
        return (ITSELF, *fields)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("{0}.unflatten(0, (-1, {entries}))", entries=self.count)
