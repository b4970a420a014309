"""The gated linear unit: one half of the features gates the other."""

from __future__ import annotations

from archcalc.layers.arguments import Whole, arg
from archcalc.layers.base import ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, given, module
from archcalc.layers.facts import ANY
from archcalc.layers.feature_axis import FeatureAxis
from archcalc.layers.field import Field
from archcalc.layers.saved import INPUT, Saved, Saving
from archcalc.layers.shape import beside
from archcalc.layers.strides import Strides, iterated
from archcalc.layers.tensor import Tensor
from archcalc.terms import work


@layer("glu", family="activation")
class GLU(FeatureAxis):
    """Half of the channels or features, each times a gate between 0 and 1: a · sigmoid(b) with the input [a, b].

    [2n, ...] -> [n, ...]. Source: torch.nn.GLU; Dauphin et al. 2016.
    """

    span = ANY
    bare = True
    nonnegative = True
    notation = "y = a ⊙ σ(b)        x = [a, b], two halves"

    does = "halves"
    axis: int | None = arg(
        Whole, "axis cut in two; default: channels or features", default=None, min=-8, aliases=("dim",)
    )

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for an axis the input does not have, or of odd size."""
        axis = self.along(x)
        if x.shape[axis] % 2:
            raise ShapeError(
                "SHP108",
                f"2 does not divide the {x.shape[axis]} of axis {axis} in {x}",
                None if self.axis is None else "axis",
                "halves need an even number: the layer before may give twice as many as are wanted here",
                changes=[
                    Change({"axis": other})
                    for other in range(x.rank)
                    if self.axis is not None and x.shape[other] % 2 == 0
                ],
            )
        return Tensor((*x.shape[:axis], x.shape[axis] // 2, *x.shape[axis + 1 :]))

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """If it works along the features."""
        return self.along(inputs[0]) == inputs[0].rank - 1

    def field(self, y: Tensor, x: Tensor) -> list[Field] | None:
        """Each position sees itself, unless positions are halved."""
        return beside(x, (self.along(x),))

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """A sigmoid (4) and a product for each element of the output."""
        return work(y.elements, "output element", ("σ", 4), ("product", 1))

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """Like an elementwise operation on the two halves."""
        axis = self.along(inputs[0])
        half = how.strides[0].cut(axis + 1, y.shape[axis])
        return iterated(half, half)

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input."""
        return how.first(INPUT)

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        axis = self.along(x)
        return module("nn.GLU", **given(dim=(-1 if axis == x.rank - 1 else axis + 1, -1)))
