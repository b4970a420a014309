"""Layers that work along the channels or features unless an axis is given, and so have to know which axis that is."""

from __future__ import annotations

from copy import copy
from typing import ClassVar

from archcalc.layers.base import Layer, ShapeError
from archcalc.layers.layout import ASKS, CHANNELS_FIRST, LAYOUTS, UNDECIDED, axis_of
from archcalc.layers.tensor import Tensor


class Asking(Layer):
    """Works along one axis, by default that of channels or features."""

    layout = ASKS
    axis: int | None
    # What it does to the axis, as in: axis=0 joins channels.
    does: ClassVar[str]

    def along(self, x: Tensor) -> int:
        """The axis, from the start. Raises `ShapeError` for one that `x` does not have."""
        return x.feature_axis if self.axis is None else self.axis_index("axis", x)

    def outcome(self, axis: int, *inputs: Tensor) -> str:
        """What comes out along that axis, in words. Raises `ShapeError`."""
        return f"{self.infer(*inputs)}"

    def undecided(self, x: Tensor, *others: Tensor) -> ShapeError:
        """The error where nothing says which axis holds channels or features: what each would give."""
        readings, refused = [], []
        for layout in LAYOUTS:
            axis = axis_of(layout, x.rank)
            layer = copy(self)
            layer.axis = axis
            what = "channels" if layout == CHANNELS_FIRST else "the last axis"
            try:
                readings.append(f"axis={axis} {self.does} {what}, giving {layer.outcome(axis, x, *others)}")
            except ShapeError as error:
                refused.append(error)
        if not readings:
            return refused[-1]
        return ShapeError(
            "SHP111",
            f"`{self.op}` cannot tell channels from features in {x}",
            help=f"say which axis: {'; '.join(readings)}",
            notes=((UNDECIDED, None),),
        )
