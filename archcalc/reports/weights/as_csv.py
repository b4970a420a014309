"""A line for each type and for each module."""

from __future__ import annotations

from archcalc.reports.sheet import sheet
from archcalc.reports.weights.report import Report

HEADER = ("path", "by", "name", "tensors", "elements", "bytes")


def render(report: Report) -> str:
    """The types first; each of the two lists counts all tensors once."""
    parts = [("type", part) for part in report.by_type] + [("module", part) for part in report.by_module]
    return sheet(HEADER, [(report.path, by, one.name, one.tensors, one.elements, one.bytes) for by, one in parts])
