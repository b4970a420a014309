"""The largest elements of an axis with their positions, and the elements at given positions."""

from __future__ import annotations

from archcalc.layers.arguments import Flag, Whole, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, expression
from archcalc.layers.content import check_positions, positions_only
from archcalc.layers.layout import ENDS, FEATURES_LAST, KEEPS
from archcalc.layers.operands import Reference
from archcalc.layers.saved import NOTHING, Saved, Saving
from archcalc.layers.strides import Strides, contiguous, iterated
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain
from archcalc.terms import work

# Bytes of a whole number.
_INDEX = 8


@layer("topk", first="k", family="reduction")
class TopK(Layer):
    """The k largest along an axis, in order. [n] -> [k]. Further output: `indices`, their positions. Source: torch.topk."""

    gives_constants = True
    selects = True
    one_pass = True
    bare = True
    nonnegative = True
    notation = "y = the k largest x[i], in order"
    symbols = {"k": "k"}

    @property
    def computes(self) -> str:
        """The notation, for the smallest elements if asked for."""
        return self.notation if self.largest else self.notation.replace("largest", "smallest")

    layout = KEEPS

    k: int = arg(Whole, "how many", min=1)
    axis: int = arg(Whole, "axis", default=-1, min=-8, aliases=("dim",))
    largest: bool = arg(Flag, "the largest; else the smallest", default=True)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for an axis the input does not have, or one with fewer positions."""
        axis = self.axis_index("axis", x)
        if self.k > x.shape[axis]:
            raise ShapeError(
                "SHP108",
                f"axis {axis} of {x} has {x.shape[axis]} positions, fewer than {self.k}",
                "k",
                changes=[Change({"k": plain(x.shape[axis])})],
            )
        shape = (*x.shape[:axis], self.k, *x.shape[axis + 1 :])
        indices = Tensor(shape, integer=True)
        indices.bounds = 0, x.shape[axis] - 1
        return Tensor(shape, outputs={"indices": indices}, state=("topk", plain(self.k)))

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One comparison per element."""
        return work(inputs[0].elements, "input element", ("comparison", 1))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the order of the axes."""
        return contiguous((how.batch, *y.shape))

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The positions."""
        return Saved(further=("indices",)) if how.needs[0] else NOTHING

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """The axis: any position of the input may end up at any position of the output."""
        return (self.axis_index("axis", x),)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        least = "" if self.largest else ", largest=False"
        axis = x.axis(self.axis)
        code = expression("{0}.topk({k}, dim={axis}" + least + ")", k=self.k, axis=axis + 1)
        code.outputs = {"indices": "{state}"}
        return code


@layer("gather", family="shape", aliases=("take", "indexselect", "index_select"))
class Gather(Layer):
    """The positions of an axis that an index of whole numbers names, in its order. [n, ...] and [m] -> [m, ...].

    The index may be a constant, shared by all samples, or differ between samples; a table shared by all samples is a
    `parameter`. Source: torch.index_select, torch.Tensor.__getitem__.
    """

    computes_nothing = True
    selects = True
    one_pass = True
    bare = True
    nonnegative = True
    notation = "y[i] = x[index[i]]"

    layout = ENDS
    numeric = False
    broadcasts = True
    sees_ahead = True

    index: Tensor = arg(Reference, "whole numbers, e.g. a constant or the places of `topk`")
    axis: int = arg(Whole, "axis", default=0, min=-8, aliases=("dim",))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for an index that holds real numbers, and for an index per sample along any axis but the first."""
        axis, index = self.axis_index("axis", x), self.index
        positions_only(index)
        if index.batched and axis:
            message = f"an index of each sample takes positions of axis 0, not of axis {axis}"
            raise ShapeError("SHP101", message, "axis", "put a `rearrange` before and after it")
        check_positions(index, x.shape[axis], f"axis {axis} of {x}")
        return Tensor((*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]), None, x.integer or False)

    def output_rank(self, *inputs: Tensor) -> int:
        """The axes of the index in the place of one."""
        return inputs[0].rank - 1 + self.index.rank

    def survives(self, layout: str, x: Tensor) -> bool:
        """True if the axis of channels or features stays first or last."""
        axis = x.axis(self.axis)
        return axis != x.rank - 1 if layout == FEATURES_LAST else axis > 0

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the order of the input's axes, those of the index in the place of one."""
        x, whole, index = inputs[0], how.strides[0], self.index
        if whole.in_order or index.batched:
            return contiguous((how.batch, *y.shape))
        axis = x.axis(self.axis) + 1
        sizes = (*whole.sizes[:axis], *index.shape, *whole.sizes[axis + 1 :])
        before, after = (0,) * axis, (0,) * (whole.rank - axis - 1)
        kept = (*whole.steps[:axis], *(0,) * index.rank, *whole.steps[axis + 1 :])
        alone = (*(1,) * axis, *index.shape, *(1,) * (whole.rank - axis - 1))
        return iterated(Strides(sizes, kept), Strides(alone, (*before, *contiguous(index.shape).steps, *after)))

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The index, and the sample numbers if both differ between samples."""
        rows = 8 * how.batch if inputs[0].batched and self.index.batched else 0
        return how.first(Saved((1,), extra={"samples": rows}))

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """The axis: any position of the input may end up at any position of the output."""
        return (self.axis_index("axis", x),)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        if not self.index.batched:
            return expression("{0}[" + ", ".join([":"] * (x.axis(self.axis) + 1)) + ", {1}[0]]")
        if not x.batched:
            return expression("{0}[0][{1}]")
        axes = ", ".join([":", *["None"] * self.index.rank])
        return expression("{0}[torch.arange(len({0}), device={0}.device)[" + axes + "], {1}]")


@layer("takealongdim", family="shape", aliases=("takealong", "take_along_dim", "take_along_axis", "gatherelements"))
class TakeAlongDim(Layer):
    """The element of an axis that an index of whole numbers names for each place: [n, m] and [n, k] -> [n, k].

    The index has the axes of the input; along all but `axis`, sizes are equal, or one is 1 and is expanded.
    Source: torch.take_along_dim, torch.gather.
    """

    computes_nothing = True
    selects = True
    one_pass = True
    bare = True
    nonnegative = True
    notation = "y[…, i] = x[…, index[…, i]] along the axis"

    layout = ENDS
    numeric = False
    broadcasts = True
    sees_ahead = True

    index: Tensor = arg(
        Reference, "whole numbers, e.g. what `index` makes of a computed place, or the places of `topk`"
    )
    axis: int = arg(Whole, "axis", default=-1, min=-8, aliases=("dim",))

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for an index that holds real numbers, has other axes than the input, or exceeds its positions."""
        axis, index = self.axis_index("axis", x), self.index
        positions_only(index)
        pairs = [*enumerate(zip(x.shape, index.shape))] if index.rank == x.rank else []
        if not pairs or any(a != b and 1 not in (a, b) for at, (a, b) in pairs if at != axis):
            wanted = ", ".join("k" if at == axis else str(plain(size)) for at, size in enumerate(x.shape))
            raise ShapeError(
                "SHP107", f"`index` must be [{wanted}], with any k, not {index}", "index",
                "an axis of size 1 stretches; `gather` takes whole positions by an index of other axes",
            )  # fmt: skip
        check_positions(index, x.shape[axis], f"axis {axis} of {x}", from_end=False)
        shape = [b if at == axis or a == 1 else a for at, (a, b) in pairs]
        return Tensor(tuple(shape), None, x.integer or False)

    def survives(self, layout: str, x: Tensor) -> bool:
        """Axes stay where they are."""
        return True

    def output_rank(self, *inputs: Tensor) -> int:
        """That of the input."""
        return inputs[0].rank

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the order of the axes."""
        return contiguous((how.batch, *y.shape))

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, though only its sizes are needed, and a copy of the index, in which -1 is the last position."""
        return how.first(Saved((0,), extra={"index": y.numel * how.batch * _INDEX}))

    def passing(self, how: Saving, y: Tensor, *inputs: Tensor) -> tuple[int, int]:
        """The copy of the index, if it is not kept."""
        return 0 if how.keeps else y.numel * how.batch * _INDEX, 0

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """The axis: any position of the input may end up at any position of the output."""
        return (self.axis_index("axis", x),)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("torch.take_along_dim({0}, {1}, dim={axis})", axis=x.axis(self.axis) + 1)


@layer("index", first="size", family="elementwise", aliases=("toindex", "long", "discretize"))
class Index(Layer):
    """Rounds numbers down to whole numbers from 0 to `size` − 1; numbers outside become the first or the last.

    Use it before `gather`, `takealongdim` and `embedding`, which take whole numbers. The result has no gradient.
    Source: torch.Tensor.long, torch.clamp.
    """

    gives_constants = True
    one_pass = True
    bare = True
    keeps_nothing = True
    nonnegative = True
    notation = "y = min(max(⌊x⌋, 0), size − 1)"
    symbols = {"size": "size"}

    layout = KEEPS

    size: int = arg(Whole, "positions that the index is one of", min=1)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Whole numbers from 0 to `size` − 1."""
        y = Tensor(x.shape, None, True)
        y.bounds = 0, plain(self.size) - 1
        return y

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """Rounding and the two bounds: one operation each per element."""
        return work(y.elements, "element", ("rounding", 1), ("bounds", 2))

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return expression("{0}.long().clamp(0, {last})", last=self.size - 1)
