"""The formulas of layers, a line for each fact as people read it."""

from __future__ import annotations

from archcalc.reports.closed_form_layer.report import Report
from archcalc.reports.paragraphs import NO_BREAK
from archcalc.reports.sheet import sheet

HEADER = ("layer", "fact", "formula", "names")


def render(report: Report) -> str:
    """Layer by layer."""
    return sheet(HEADER, [
        (one.node.id, *(text.replace(NO_BREAK, " ") for text in row)) for one in report.explanations for row in one.rows()
    ])  # fmt: skip
