"""The errors of the fit, one line for each kind of layer, as fractions of the time."""

from __future__ import annotations

from archcalc.reports.calibration.report import Report
from archcalc.reports.calibration.rows import HEADER, rows
from archcalc.reports.sheet import sheet


def render(report: Report) -> str:
    """The kinds, then all layers; empty if an error is unknown."""
    return sheet(HEADER, [(row.kind, row.layers, *row.errors) for row in rows(report)])
