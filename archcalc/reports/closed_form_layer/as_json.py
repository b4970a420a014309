"""The formulas of layers, as Python evaluates them."""

from __future__ import annotations

from archcalc.reports.closed_form_layer.report import Report
from archcalc.reports.documents import VERSION, dumps


def render(report: Report) -> str:
    """With the values of the names, and where the formulas hold."""
    document = {
        "version": VERSION,
        "model": report.form.costs.graph.model,
        "path": report.form.costs.graph.path,
        "values": report.form.names,
        "conditions": report.form.conditions(python=True),
        "layers": [one.data() for one in report.explanations],
    }
    return dumps(document)
