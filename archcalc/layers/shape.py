"""Layers that only move, cut or copy elements. Axes are numbered without the batch."""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.layers.arguments import Size, Whole, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change, counting_the_batch
from archcalc.layers.code import Code, expression, given, module
from archcalc.layers.field import ITSELF, Field, whole
from archcalc.layers.layout import CHANNELS_FIRST, ENDS, FEATURES_LAST, KEEPS, axis_of
from archcalc.layers.saved import Saving
from archcalc.layers.strides import Strides
from archcalc.layers.tensor import Moved, Tensor
from archcalc.quantity import plain, product


class Rearranging(Layer):
    """Passes elements on unchanged, token ids included."""

    computes_nothing = True
    selects = True
    one_pass = True
    bare = True
    numeric = False
    view = True
    hands_on = True
    keeps_nothing = True
    nonnegative = True

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Depends on how the layer moves elements."""
        raise NotImplementedError(self.op)

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """None: positions change, so the field cannot be given axis by axis."""
        return None

    def goes(self, axis: int, x: Tensor, y: Tensor) -> int | None:
        """If the order is unchanged, an axis remains if as many elements as before lie before it and after it."""
        before, behind = product(x.shape[:axis]), product(x.shape[axis + 1 :])
        places = (one for one, size in enumerate(y.shape) if size == x.shape[axis])
        found = (one for one in places if (product(y.shape[:one]), product(y.shape[one + 1 :])) == (before, behind))
        return next(found, None)


def beside(x: Tensor, axes: Iterable[int]) -> list[Field] | None:
    """The field if only the order along `axes` changes: each position sees itself if these hold channels or features."""
    return None if set(axes) & set(x.positions) else [ITSELF] * len(x.positions)


def moved(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The elements of `x` in another shape; if it is undecided whether `x` holds numbers or ids, it stays so."""
    return Moved(x, shape) if x.integer is None else Tensor(shape, None, x.integer)


@layer("flatten")
class Flatten(Rearranging):
    """Joins the axes from `start` to `end` into one; by default all. [C, H, W] -> [C·H·W].

    Source: torch.nn.Flatten, whose axes count the batch.
    """

    reorders = True

    notation = "y has the elements of x in their order"

    layout = ENDS

    start: int = arg(Whole, "first axis joined", default=0, min=-8, aliases=("start_dim",))
    end: int = arg(Whole, "last axis joined", default=-1, min=-8, aliases=("end_dim",))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for axes the input does not have, or in the wrong order."""
        start, end = self.axis_index("start", x), self.axis_index("end", x)
        if start > end:
            message = f"start {self.start} comes after end {self.end} in {x}"
            changes = [Change({"start": self.end, "end": self.start})]
            raise ShapeError("SHP108", message, "start", "the axes from `start` to `end` are joined", changes=changes)
        return moved(x, (*x.shape[:start], product(x.shape[start : end + 1]), *x.shape[end + 1 :]))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """The same elements in the sizes of the output."""
        return how.strides[0].reshaped((how.batch, *y.shape))

    def shares(self, how: Saving, y: Tensor, *inputs: Tensor) -> bool:
        """True if the joined axes are adjacent in memory."""
        return how.strides[0].viewed((how.batch, *y.shape)) is not None

    def hands_back(self, how: Saving, y: Tensor, *inputs: Tensor) -> bool:
        """True if a single axis is "joined"."""
        return y.rank == inputs[0].rank

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """Of a single vector every element is one of the input's, wherever that is."""
        return [whole(x.shape[axis]) for axis in x.positions] if y.rank == 1 else super().field(y, x)

    def survives(self, layout: str, x: Tensor) -> bool:
        """True if the axis of channels or features is not among those joined."""
        start, end = x.axis(self.start), x.axis(self.end)
        return start == end or not start <= axis_of(layout, x.rank) <= end

    def output_rank(self, *inputs: Tensor) -> int:
        """One axis in place of those joined."""
        x = inputs[0]
        return x.rank - (x.axis(self.end) - x.axis(self.start))

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """True if each element becomes a channel."""
        return y.rank == 1

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        start, end = x.axis(self.start) + 1, x.axis(self.end) + 1
        return module("nn.Flatten", **given(start_dim=(start, 1), end_dim=(end, x.rank)))


@layer("reshape", first="shape", aliases=("view",))
class Reshape(Rearranging):
    """The same elements in other sizes; one of them may be -1. Source: torch.reshape."""

    sets_sizes = True
    reorders = True

    notation = "y has the elements of x in their order"

    layout = ENDS
    shape: tuple[int, ...] = arg(Size, "sizes, e.g. 64x7x7; -1 takes what is left", also=-1, spreads=False)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` if the number of elements would change."""
        shape = tuple(self.shape)
        known = product(size for size in shape if size != -1)
        elements = x.elements
        if shape.count(-1) > 1:
            help = f"give all but one as numbers; {x} has {elements:,} elements"
            raise ShapeError("SHP108", "only one size can be -1", "shape", help)
        if elements % known or (-1 not in shape and elements != known):
            wanted = f"`reshape {'x'.join(str(int(size)) for size in shape)}`"
            raise ShapeError(
                "SHP108",
                f"{x} has {elements:,} elements, {wanted} wants "
                + (f"a multiple of {known:,}" if -1 in shape else f"{known:,}"),
                "shape",
                changes=self._of_elements(plain(elements), shape),
            )
        return moved(x, tuple(_left(x.shape, shape) if size == -1 else size for size in shape))

    def _of_elements(self, elements: int, shape: tuple[int, ...]) -> list[Change]:
        """The shape with the first size that fits, or with the last."""
        found = []
        for index in dict.fromkeys((0, len(shape) - 1)):
            rest = plain(product(size for place, size in enumerate(shape) if place != index and size != -1))
            if elements % rest == 0 and -1 not in (*shape[:index], *shape[index + 1 :]):
                found.append(Change({"shape": (*map(plain, shape[:index]), -1, *map(plain, shape[index + 1 :]))}))
        return found

    def output_rank(self, *inputs: Tensor) -> int:
        """As many axes as there are sizes."""
        return len(self.shape)

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """The same elements in the sizes of the output."""
        return how.strides[0].reshaped((how.batch, *y.shape))

    def shares(self, how: Saving, y: Tensor, *inputs: Tensor) -> bool:
        """True if strides can express the new sizes."""
        return how.strides[0].viewed((how.batch, *y.shape)) is not None

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("{0}.reshape({batch}, " + ", ".join(f"{int(size)}" for size in self.shape) + ")")


def _left(sizes: tuple[int, ...], shape: tuple[int, ...]) -> int:
    """What -1 stands for; a dim that occurs in both sizes cancels out."""
    given, whole = [size for size in shape if size != -1], [*sizes]
    for size in [one for one in given if type(one) is not int]:
        place = next((place for place, one in enumerate(whole) if one is size), None)
        if place is not None:
            del whole[place]
            given = [one for one in given if one is not size] + [size] * (sum(one is size for one in given) - 1)
    return product(whole) // product(given)


@layer("transpose", first="axes")
class Transpose(Rearranging):
    """Swaps two axes, by default the last two. Source: torch.transpose."""

    sets_sizes = True
    reorders = True

    notation = "y[…, j, i] = x[…, i, j]"

    layout = ENDS
    axes: tuple[int, ...] = arg(Size, "the two axes, e.g. 0x1 or -2x-1", default=(-2, -1), min=-8, spreads=False)

    @property
    def computes(self) -> str:
        """The notation, with the exchanged axes if they are not the last two."""
        if self.axes == (-2, -1):
            return self.notation
        return "y has the elements of x, with axes {} and {} in each other's place".format(*self.axes)

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """The elements stay where they are."""
        a, b = (inputs[0].axis(index) + 1 for index in self.axes)
        return how.strides[0].transposed(a, b)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for axes the input does not have."""
        if len(self.axes) != 2:
            raise ShapeError("SHP108", "transpose swaps two axes", "axes", "e.g. axes=0x1; `rearrange` reorders more")
        try:
            a, b = (x.axis(index) for index in self.axes)
        except IndexError:
            raise ShapeError(
                "SHP101",
                f"{x} has no axes {self.axes[0]} and {self.axes[1]}",
                "axes" if self.axes != (-2, -1) else None,
                changes=counting_the_batch("axes", self.axes, x),
            ) from None
        shape = list(x.shape)
        shape[a], shape[b] = shape[b], shape[a]
        return moved(x, tuple(shape))

    def goes(self, axis: int, x: Tensor, y: Tensor) -> int:
        """Each of the two is where the other was."""
        a, b = (x.axis(index) for index in self.axes)
        return {a: b, b: a}.get(axis, axis)

    def survives(self, layout: str, x: Tensor) -> bool:
        """True if an axis is swapped with itself."""
        a, b = (x.axis(index) for index in self.axes)
        return a == b

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """True if the last axis, of features, becomes the first, of channels."""
        return y.rank == 2 and (read.layout, y.layout) == (FEATURES_LAST, CHANNELS_FIRST)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        a, b = (x.axis(index) for index in self.axes)
        if (a, b) == (x.rank - 2, x.rank - 1):
            return expression("{0}.transpose(-2, -1)")
        return expression("{0}.transpose({a}, {b})", a=a + 1, b=b + 1)


@layer("expand", first="shape", aliases=("broadcast",))
class Expand(Rearranging):
    """Repeats axes of size 1, and adds axes in front. -1 keeps a size. Source: torch.Tensor.expand.

    [features] with `expand 10x-1` -> [10, features].
    """

    sets_sizes = True
    notation = "y repeats x along axes of size 1"

    layout = ENDS
    hands_on = False

    shape: tuple[int, ...] = arg(Size, "sizes, e.g. 10x-1", also=-1, spreads=False)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for an axis that has neither size 1 nor the new size."""
        new = len(self.shape) - x.rank
        if new < 0:
            raise ShapeError(
                "SHP108",
                f"{len(self.shape)} {'size' if len(self.shape) == 1 else 'sizes'} for the {x.rank} axes of {x}",
                "shape",
                "give a size for each axis; -1 keeps one",
            )
        shape = []
        for index, size in enumerate(self.shape):
            old = x.shape[index - new] if index >= new else 1
            if size == -1 and index < new:
                help = f"the last {x.rank} sizes are of the axes of {x}, those before are new"
                raise ShapeError("SHP108", "a new axis needs its size, not -1", "shape", help)
            if size not in (-1, old) and old != 1:
                raise ShapeError(
                    "SHP108",
                    f"axis {index - new} of {x} has {old}, it cannot become {size}",
                    "shape",
                    "only axes of size 1 are repeated",
                    changes=[Change({"shape": (plain(size), *[-1] * x.rank)})] if index == new == 0 else (),
                )
            shape.append(old if size == -1 else size)
        return moved(x, tuple(shape))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """A single element is shared along a repeated axis."""
        x = how.strides[0]
        for _ in range(len(self.shape) - inputs[0].rank):
            x = x.with_axis(1)
        return x.expanded((how.batch, *y.shape))

    def survives(self, layout: str, x: Tensor) -> bool:
        """Features stay last; new axes come before channels."""
        return layout == FEATURES_LAST or len(self.shape) == x.rank

    def output_rank(self, *inputs: Tensor) -> int:
        """As many axes as there are sizes."""
        return len(self.shape)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        new = len(self.shape) - x.rank
        sizes = ", ".join(f"{int(size)}" for size in self.shape)
        index = ", ".join([":"] + ["None"] * new)
        return expression("{0}" + (f"[{index}]" if new else "") + ".expand({batch}, " + sizes + ")")


@layer("identity", aliases=("noop",))
class Identity(Rearranging):
    """The input unchanged. Source: torch.nn.Identity."""

    reorders = True

    notation = "y = x"

    layout = KEEPS

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """The same tensor."""
        return moved(x, x.shape)

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """The same."""
        return how.strides[0]

    def hands_back(self, how: Saving, y: Tensor, *inputs: Tensor) -> bool:
        """Always."""
        return True

    def field(self, y: Tensor, x: Tensor) -> list[Field]:
        """Each position sees itself."""
        return [ITSELF] * len(x.positions)

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """It computes the same at every position."""
        return True

    def passes_shift(self, read: Tensor, y: Tensor, *inputs: Tensor) -> bool:
        """True: nothing changes."""
        return True

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.Identity")


@layer("detach", aliases=("stopgradient", "stop_gradient"))
class Detach(Identity):
    """The input unchanged, but no gradient goes back through it: layers before it learn only through other readers.

    `add: [z, [sub: [q, z], detach]]` is q forward and z backward, a straight-through estimate. Source:
    torch.Tensor.detach.
    """

    ends_gradients = gives_constants = True

    notation = "y = x, and ∂y/∂x is taken to be 0"

    def hands_back(self, how: Saving, y: Tensor, *inputs: Tensor) -> bool:
        """Another tensor on the same memory."""
        return False

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("{0}.detach()")
