"""The mean over axes."""

from __future__ import annotations

from archcalc.layers.arguments import Flag, Size, arg
from archcalc.layers.base import Layer, ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, expression
from archcalc.layers.layout import ENDS, axis_of
from archcalc.layers.tensor import Tensor


@layer("mean", first="axis", aliases=("reducemean",), family="shape")
class Mean(Layer):
    """Mean over one axis or several. [n, features] -> [features]. Source: torch.mean."""

    layout = ENDS
    sees_everything = True

    axis: tuple[int, ...] = arg(Size, "axes, as 0 or 1x2", default=(0,), min=-8, aliases=("dim",))
    keepdim: bool = arg(Flag, "keep the axes with size 1", default=False)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for axes the input does not have, and when none would be left."""
        axes = self.axis_indices("axis", x)
        if self.keepdim:
            return Tensor(tuple(1 if index in axes else size for index, size in enumerate(x.shape)))
        shape = tuple(size for index, size in enumerate(x.shape) if index not in axes)
        if not shape:
            raise ShapeError(
                "SHP108",
                f"the mean of all of {x} would leave no axis",
                "axis",
                changes=[Change({"keepdim": True})],
            )
        return Tensor(shape)

    def survives(self, layout: str, x: Tensor) -> bool:
        """Unless the axis of channels or features goes away."""
        return self.keepdim or axis_of(layout, x.rank) not in [x.axis(index) for index in self.axis]

    def output_rank(self, *inputs: Tensor) -> int:
        """Without the axes of the mean, unless they are kept."""
        return inputs[0].rank - (0 if self.keepdim else len(self.axis))

    def other_flops(self, y: Tensor, *inputs: Tensor) -> int:
        """One addition an element of the input."""
        return inputs[0].elements

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        axes = tuple(sorted(x.axis(index) + 1 for index in self.axis))
        keep = ", keepdim=True" if self.keepdim else ""
        return expression("{0}.mean(dim={axes}" + keep + ")", axes=axes if len(axes) > 1 else axes[0])
