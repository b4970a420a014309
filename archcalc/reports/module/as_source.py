"""The source of the module."""

from __future__ import annotations

from archcalc.reports.module.report import Report


def render(report: Report) -> str:
    """It needs nothing but PyTorch."""
    return report.source(report.graph)
