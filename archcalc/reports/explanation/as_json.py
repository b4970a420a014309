"""The derivation of layers for machines: every number with its formula."""

from __future__ import annotations

from archcalc.reports.documents import VERSION, dumps
from archcalc.reports.explanation.report import Report


def render(report: Report) -> str:
    """One after the other."""
    layers = [one.data for one in report.explanations]
    return dumps({"version": VERSION, "model": report.graph.model, "path": report.graph.path, "layers": layers})
