"""Layers that reorder or repeat the elements of axes. Axes are numbered without the batch."""

from __future__ import annotations

from archcalc.layers.arguments import Size, arg
from archcalc.layers.base import ShapeError, layer
from archcalc.layers.change import counting_the_batch
from archcalc.layers.code import Code, expression
from archcalc.layers.field import Field
from archcalc.layers.layout import KEEPS
from archcalc.layers.saved import Saving
from archcalc.layers.shape import Rearranging, beside, moved
from archcalc.layers.strides import Strides, concatenated, contiguous
from archcalc.layers.tensor import Tensor


@layer("roll", family="shape", first="shift")
class Roll(Rearranging):
    """Shifts positions along axes; those shifted past the end reappear at the start. Source: torch.roll."""

    reorders = True

    notation = "y[i] = x[(i − shift) mod n]"
    symbols = {"shift": "shift", "axis": "axes"}

    layout = KEEPS
    view = hands_on = False

    shift: tuple[int, ...] = arg(
        Size, "positions, e.g. 3 or 3x3; negative to the front", min=-(2**62), aliases=("shifts",)
    )
    axes: tuple[int, ...] = arg(Size, "axes, e.g. 0x1", default=(0,), min=-8, aliases=("dims",), spreads=False)

    def moves(self, x: Tensor) -> tuple[int, ...]:
        """The axes that are shifted, as what leaves at one end comes back at the other."""
        return tuple(axis % x.rank for axis in self.axes)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` unless each shift has its axis."""
        if len(self.shift) != len(self.axes):
            raise ShapeError(
                "SHP101",
                f"{len(self.shift)} shifts for {len(self.axes)} axes",
                "shift",
                "give one shift for each axis, e.g. `roll 3x3 axes=0x1`",
            )
        for index in self.axes:
            if not -x.rank <= index < x.rank:
                raise ShapeError(
                    "SHP101", f"{x} has no axis {index}", "axes", changes=counting_the_batch("axes", self.axes, x)
                )
        return moved(x, x.shape)

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """Each position sees itself, unless positions are shifted."""
        return beside(x, map(x.axis, self.axes))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like concatenations of its parts, along one axis after another."""
        x = how.strides[0]
        for _ in self.axes:
            x = concatenated([x], x.sizes)
        return x

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        dims = tuple(x.axis(index) + 1 for index in self.axes)
        return expression("{0}.roll({shifts}, dims={dims})", shifts=tuple(self.shift), dims=dims)


@layer("flip", family="shape", first="axis", aliases=("reverse",))
class Flip(Rearranging):
    """The elements of one axis or several in reverse order. Source: torch.flip."""

    reorders = True

    notation = "y[i] = x[n − 1 − i]"

    layout = KEEPS
    view = hands_on = False

    axis: tuple[int, ...] = arg(
        Size, "axes, e.g. 0 or 0x1", default=(0,), min=-8, aliases=("dims", "dim"), spreads=False
    )

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for axes the input does not have."""
        self.axis_indices("axis", x)
        return moved(x, x.shape)

    def moves(self, x: Tensor) -> tuple[int, ...]:
        """The axes that are reversed."""
        return tuple(self.axis_indices("axis", x))

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """Each position sees itself, unless positions are reversed."""
        return beside(x, self.axis_indices("axis", x))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like the input."""
        return how.strides[0].like()

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("{0}.flip({dims})", dims=tuple(axis + 1 for axis in self.axis_indices("axis", x)))


@layer("tile", family="shape", first="times")
class Tile(Rearranging):
    """Repeats the whole tensor along its axes. [n, features] with `tile 2x3` -> [2n, 3·features].

    Source: torch.tile.
    """

    notation = "y = [x, x, …] along each axis"

    layout = KEEPS
    view = hands_on = False

    times: tuple[int, ...] = arg(
        Size, "copies along each axis, e.g. 2x1", aliases=("dims", "reps", "repeats"), spreads=False
    )

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` unless each axis has a number of copies."""
        if len(self.times) != x.rank:
            form = "x".join(["2", *["1"] * (x.rank - 1)])
            message = f"{len(self.times)} numbers of copies for the {x.rank} axes of {x}"
            raise ShapeError("SHP101", message, "times", f"give one for each axis, e.g. `tile {form}`")
        return moved(x, tuple(times * size for times, size in zip(self.times, x.shape)))

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """Each position sees itself, unless positions are repeated."""
        return beside(x, (axis for axis, times in enumerate(self.times) if times != 1))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the order of the axes."""
        return contiguous((how.batch, *y.shape))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("{0}.tile({dims})", dims=(1, *(int(times) for times in self.times)))
