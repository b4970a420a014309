"""A line for each layer."""

from __future__ import annotations

from archcalc.reports.layer.report import signature, summary
from archcalc.reports.layers.report import Report
from archcalc.reports.sheet import sheet

HEADER = ("layer", "family", "signature", "summary")


def render(report: Report) -> str:
    """By family."""
    return sheet(HEADER, [
        (layer.op, family, signature(layer), summary(layer))
        for family, layers in report.families.items()
        for layer in layers
    ])  # fmt: skip
