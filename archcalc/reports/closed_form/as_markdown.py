"""Formulas in GitHub's markdown."""

from __future__ import annotations

from archcalc.quoting import markdown as escape
from archcalc.reports.closed_form.report import Report
from archcalc.reports.closed_form.rows import formula_rows, memory, totals, values
from archcalc.reports.tables import table


def render(report: Report) -> str:
    """Two tables: the layers, and the totals with their values."""
    form = report.form
    lines = [
        ("&emsp;" * row.level + escape(row.label), escape(row.output), escape(row.params), escape(row.macs))
        for row in formula_rows(form, report.rows())
    ]
    runs = memory(form)
    counted = [*totals(form), *(run.total for run in runs)]
    sums = [(f"{total.title} {total.unit}".strip(), escape(total.formula), total.value) for total in counted]
    further = "".join(
        f"\n{run.what.capitalize()}: for {escape(', '.join(run.further))}.\n" for run in runs if run.further
    )
    conditions = f"For {escape(', '.join(form.conditions()))}.\n\n" if form.conditions() else ""
    return (
        f"### {escape(form.costs.graph.model)}\n\n{conditions}"
        + table(("layer", "output", "params", "MACs"), "llll", lines)
        + "\n"
        + table(("total", "formula", escape(f"at {values(form)}")), "llr", sums)
        + further
    )
