"""The source of the module."""

from __future__ import annotations

from archcalc.reports.module.report import Report


def render(report: Report) -> str:
    """Source that depends only on PyTorch."""
    return report.source(report.graph)
