"""How far off the fit is, a line for each kind of layer; errors are shares of the time."""

from __future__ import annotations

from archcalc.reports.calibration.report import Report
from archcalc.reports.calibration.rows import HEADER, rows
from archcalc.reports.sheet import sheet


def render(report: Report) -> str:
    """The kinds, then all layers; empty where an error is not known."""
    return sheet(HEADER, [(row.kind, row.layers, *row.errors) for row in rows(report)])
