"""The lines of a worked example."""

from __future__ import annotations

from archcalc.reports.sheet import sheet
from archcalc.reports.worked.report import Report

HEADER = ("step", "title", "line")


def render(report: Report) -> str:
    """Step by step."""
    steps = enumerate(report.steps(), 1)
    return sheet(HEADER, [(number, title, line) for number, (title, lines) in steps for line in lines])
