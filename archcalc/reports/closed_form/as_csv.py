"""Formulas as CSV, a line for each layer, as Python evaluates them."""

from __future__ import annotations

from archcalc.reports.closed_form.as_json import costs_of
from archcalc.reports.closed_form.report import Report
from archcalc.reports.shapes.as_csv import HEADER
from archcalc.reports.sheet import sheet


def render(report: Report) -> str:
    """The columns of `shapes`, a formula for each number."""
    form, lines = report.form, []
    for row in report.layers():
        node, cost = row.node, costs_of(form, row.own)
        output = ", ".join(form.code(size) for size in node.output.shape) if node else ""
        lines.append(
            (
                form.costs.graph.model,
                row.id,
                node.op if node else "",
                row.label,
                f"[{output}]" if node else "",
                form.code(row.count),
                *(cost[name] for name in HEADER[6:]),
            )
        )
    return sheet(HEADER, lines)
