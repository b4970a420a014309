"""Every layer with its keys, for machines."""

from __future__ import annotations

from archcalc.reports.documents import VERSION, dumps
from archcalc.reports.layer.report import described
from archcalc.reports.layers.report import Report


def render(report: Report) -> str:
    """One after the other, by family."""
    layers = [described(layer) for layers in report.families.values() for layer in layers]
    return dumps({"version": VERSION, "layers": layers}, indent=1)
