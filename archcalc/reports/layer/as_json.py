"""A layer for machines: its declarations, and its formulas where they are worth showing."""

from __future__ import annotations

from archcalc.layers import Layer
from archcalc.reports.documents import VERSION, dumps
from archcalc.reports.layer.report import described, formulas


def render(layer: type[Layer]) -> str:
    """As `archcalc layers` has it, with its formulas."""
    return dumps({"version": VERSION, **described(layer), "formulas": dict(formulas(layer))}, indent=1)
