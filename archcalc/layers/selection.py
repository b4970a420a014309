"""The largest of an axis with their places, and what stands at places."""

from __future__ import annotations

from archcalc.layers.arguments import Flag, Whole, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, expression
from archcalc.layers.content import outside, towards
from archcalc.layers.layout import ENDS, FEATURES_LAST, KEEPS
from archcalc.layers.operands import Reference
from archcalc.layers.saved import NOTHING, Saved, Saving
from archcalc.layers.strides import Strides, contiguous, iterated
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain
from archcalc.terms import work


@layer("topk", first="k", family="reduction")
class TopK(Layer):
    """The k largest along an axis, in order. [n] -> [k]. Further output: `indices`, their places. Source: torch.topk."""

    selects = True
    one_pass = True
    bare = True
    nonnegative = True
    notation = "y = the k largest x[i], in order"
    symbols = {"k": "k"}

    @property
    def computes(self) -> str:
        """The smallest where they are asked for."""
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
        """One comparison an element."""
        return work(inputs[0].elements, "input element", ("comparison", 1))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the order of the axes."""
        return contiguous((how.batch, *y.shape))

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The places."""
        return Saved(further=("indices",)) if how.needs[0] else NOTHING

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """A place of the input may come to any place of the output."""
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

    The index may be a constant, the same for every sample, or one of each sample; a table that is the same for
    every sample is a `parameter`. Source: torch.index_select, torch.Tensor.__getitem__.
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
        """Raises `ShapeError` for numbers as an index, and for an index of each sample along another axis than the first."""
        axis, index = self.axis_index("axis", x), self.index
        if index.integer is False:
            message = f"`index` {index} holds numbers, and an index has whole ones"
            raise ShapeError("SHP101", message, "index", "e.g. `constant 8 kind=arange`, or NAME.indices of a `topk`")
        index.integer = True
        if index.batched and axis:
            message = f"an index of each sample takes positions of axis 0, not of axis {axis}"
            raise ShapeError("SHP101", message, "axis", "put a `rearrange` before and after it")
        size = x.shape[axis]
        if (number := outside(index, -size, size - 1)) is not None:
            message = f"`index` {index} goes {towards(number)}, and axis {axis} of {x} has {size} positions"
            raise ShapeError(
                "SHP108", message, "index", f"its numbers may go from 0 to {size - 1}, or from -{size} to -1"
            )
        return Tensor((*x.shape[:axis], *index.shape, *x.shape[axis + 1 :]), None, x.integer or False)

    def output_rank(self, *inputs: Tensor) -> int:
        """The axes of the index in the place of one."""
        return inputs[0].rank - 1 + self.index.rank

    def survives(self, layout: str, x: Tensor) -> bool:
        """Where the axis of channels or features stays first or last."""
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
        """The index, and where both are of each sample the numbers of the samples."""
        rows = 8 * how.batch if inputs[0].batched and self.index.batched else 0
        return how.first(Saved((1,), extra={"samples": rows}))

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """A place of the input may come to any place of the output."""
        return (self.axis_index("axis", x),)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        if not self.index.batched:
            return expression("{0}[" + ", ".join([":"] * (x.axis(self.axis) + 1)) + ", {1}[0]]")
        if not x.batched:
            return expression("{0}[0][{1}]")
        axes = ", ".join([":", *["None"] * self.index.rank])
        return expression("{0}[torch.arange(len({0}), device={0}.device)[" + axes + "], {1}]")
