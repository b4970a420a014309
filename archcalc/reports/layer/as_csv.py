"""The keys of a layer, a line each."""

from __future__ import annotations

from archcalc.layers import Layer
from archcalc.reports.sheet import sheet

HEADER = ("layer", "key", "kind", "required", "default", "first", "doc")


def render(layer: type[Layer]) -> str:
    """In the order in which they are declared."""
    return sheet(HEADER, [
        (
            layer.op, name, argument.kind, str(argument.required).lower(),
            "" if argument.required or argument.default is None else argument.show(argument.default),
            str(name == layer.first).lower(), argument.doc,
        )
        for name, argument in layer.arguments.items()
    ])  # fmt: skip
