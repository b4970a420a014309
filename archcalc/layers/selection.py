"""The largest of an axis, with their places."""

from __future__ import annotations

from archcalc.layers.arguments import Flag, Whole, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, expression
from archcalc.layers.layout import KEEPS
from archcalc.layers.saved import NOTHING, Saved, Saving
from archcalc.layers.strides import Strides, contiguous
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain


@layer("topk", first="k", family="reduction")
class TopK(Layer):
    """The k largest along an axis, in order. [n] -> [k]. Further output: `indices`, their places. Source: torch.topk."""

    layout = KEEPS
    sees_everything = True

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
        return Tensor(shape, outputs={"indices": Tensor(shape, integer=True)}, state=("topk", plain(self.k)))

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One comparison an element."""
        return inputs[0].elements

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """In the order of the axes."""
        return contiguous((how.batch, *y.shape))

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The places."""
        return Saved(further=("indices",)) if how.needs[0] else NOTHING

    def field(self, x: Tensor) -> list[tuple[int, int]] | None:
        """Positions change."""
        return None

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        least = "" if self.largest else ", largest=False"
        axis = x.axis(self.axis)
        code = expression("{0}.topk({k}, dim={axis}" + least + ")", k=self.k, axis=axis + 1)
        code.outputs = {"indices": "{state}"}
        return code
