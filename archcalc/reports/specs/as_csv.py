"""The shipped specs, one line each."""

from __future__ import annotations

from archcalc.reports.sheet import sheet
from archcalc.reports.specs.report import Report

HEADER = ("name", "model", "params", "macs", "variants", "about", "source")


def render(report: Report) -> str:
    """By name."""
    rows = [
        (one.name, one.model, one.params, one.macs, " ".join(one.variants), one.about, one.source)
        for one in report.specs
    ]
    return sheet(HEADER, rows)
