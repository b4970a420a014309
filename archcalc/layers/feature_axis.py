"""Layers that work along the channels or features unless an axis is given, and so need to know which axis that is."""

from __future__ import annotations

from copy import copy
from typing import ClassVar

from archcalc.layers.base import Layer, ShapeError
from archcalc.layers.layout import ASKS, CHANNELS_FIRST, LAYOUTS, axis_of
from archcalc.layers.tensor import Tensor


class FeatureAxis(Layer):
    """Works along one axis, by default that of channels or features."""

    one_pass = True
    layout = ASKS
    axis: int | None
    # What it does to the axis, as in "axis=0 joins channels".
    does: ClassVar[str]

    def along(self, x: Tensor) -> int:
        """The axis, numbered from the start. Raises `ShapeError` for one that `x` does not have."""
        return x.feature_axis if self.axis is None else self.axis_index("axis", x)

    def outcome(self, axis: int, *inputs: Tensor) -> str:
        """The result along that axis, in words. Raises `ShapeError`."""
        return f"{self.infer(*inputs)}"

    def readings(self, *inputs: Tensor) -> tuple[dict[str, str], dict[str, str]]:
        """The result for each layout of the inputs, in words, and why other layouts do not fit.

        Raises the `ShapeError` of the inputs if none fits.
        """
        x = max(inputs, key=lambda one: one.rank)
        fit: dict[str, str] = {}
        refused: dict[str, ShapeError] = {}
        for layout in LAYOUTS:
            axis = axis_of(layout, x.rank)
            layer = copy(self)
            layer.axis = axis
            what = "channels" if layout == CHANNELS_FIRST else "the last axis"
            try:
                fit[layout] = f"axis={axis} {self.does} {what}, giving {layer.outcome(axis, *inputs)}"
            except ShapeError as error:
                refused[layout] = error
        if not fit:
            raise refused[LAYOUTS[-1]]
        return fit, {
            layout: f"axis={axis_of(layout, x.rank)} does not fit: {error}" for layout, error in refused.items()
        }


class Normalizing(FeatureAxis):
    """Normalises each vector along the axis. [...] -> the same shape."""

    does = "normalises"

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """Raises `ShapeError` for an axis the input does not have."""
        self.along(x)
        return Tensor(x.shape)

    def mixes(self, x: Tensor) -> tuple[int, ...]:
        """The axis of the vectors."""
        return (self.along(x),)

    def blind_to_order(self, y: Tensor, *inputs: Tensor) -> bool:
        """If it works along the features."""
        return self.along(inputs[0]) == inputs[0].rank - 1
