"""In what portions the parameters of a layer are added up when they are explained."""

from __future__ import annotations

from archcalc.layers.tensor import Shape
from archcalc.records import NamedTuple


class Portion(NamedTuple):
    """Some of a layer's parameters.

    Attributes:
        shapes: theirs by name, one set of those that are there several times.
        label: what they are for, as `layer 1`; empty where there is nothing to tell apart.
        note: a few words about them.
        times: how often the same set is there.
        outputs_first: write outputs · (what one has), instead of the other way around.
    """

    shapes: dict[str, Shape]
    label: str = ""
    note: str = ""
    times: int = 1
    outputs_first: bool = False
