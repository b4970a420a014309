"""The groups in which a layer's parameters are added up when they are explained."""

from __future__ import annotations

from archcalc.layers.tensor import Shape
from archcalc.records import NamedTuple


class Portion(NamedTuple):
    """Some of a layer's parameters.

    Attributes:
        shapes: their shapes by name; a single set if there are several equal ones.
        label: what they are for, e.g. `layer 1`; empty if there is only one group.
        note: a short remark.
        times: how many equal sets there are.
        outputs_first: whether to write outputs · (parameters of one output) rather than the other way around.
    """

    shapes: dict[str, Shape]
    label: str = ""
    note: str = ""
    times: int = 1
    outputs_first: bool = False
