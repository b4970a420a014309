"""The activation with learned slopes."""

from __future__ import annotations

from math import inf
from typing import Any

from archcalc.layers.activation import Activation
from archcalc.layers.arguments import Number, Whole, arg
from archcalc.layers.base import ShapeError, layer
from archcalc.layers.change import Change
from archcalc.layers.code import Code, given, module
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.memory import LOW
from archcalc.layers.saved import INPUT, Saved, Saving
from archcalc.layers.strides import Strides
from archcalc.layers.tensor import Shape, Tensor, Want
from archcalc.quantity import plain


@layer("prelu", first="parameters", family="activation", aliases=("parametricrelu", "paramrelu"))
class PReLU(Activation):
    """x where positive, a learned slope times x elsewhere. Source: torch.nn.PReLU."""

    makes = 0, 1
    autocast = LOW
    example = ("prelu", "20x64")
    notation = "y = x for x > 0, a · x otherwise, with a learned"
    passes = (0.0, inf)
    span = (-inf, inf)
    rises = False
    operations = (("comparison", 1), ("product", 1))

    parameters: int = arg(Whole, "slopes: 1, or one for each channel", default=1, min=1, aliases=("num_parameters",))
    init: float = arg(Number, "initial slope", default=0.25)

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` unless there is one slope, or one for each channel of the first axis."""
        if self.parameters not in (1, x.shape[0]):
            raise ShapeError(
                "SHP101",
                f"{self.parameters} slopes for the {x.shape[0]} channels of {x}",
                "parameters",
                changes=[Change({"parameters": number}) for number in (1, plain(x.shape[0]))],
            )
        return Tensor(x.shape)

    def wanted(self, *inputs: Tensor) -> tuple[Want, ...]:
        """Channels first, if each channel has its own slope."""
        return ((inputs[0], CHANNELS_FIRST, "parameters"),) if self.parameters != 1 else ()

    def disagreement(self, want: Want, inputs: tuple[Tensor, ...], found: str, by: Any) -> ShapeError:
        """A single slope works in any layout."""
        error = super().disagreement(want, inputs, found, by)
        error.help = "use one slope"
        return error

    def params(self, x: Tensor) -> dict[str, Shape]:
        """The slopes."""
        return {"weight": (self.parameters,)}

    def strides(self, how: Saving, y: Tensor, *inputs: Tensor) -> Strides:
        """As the input."""
        return how.strides[0].like()

    def saved(self, how: Saving, y: Tensor, *inputs: Tensor) -> Saved:
        """The input, for the gradient of the slopes."""
        return INPUT

    def torch(self, y: Tensor, x: Tensor, *inputs: Tensor) -> Code:
        """The same in PyTorch."""
        return module("nn.PReLU", **given(num_parameters=(self.parameters, 1), init=(self.init, 0.25)))
