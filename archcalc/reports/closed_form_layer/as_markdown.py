"""The formulas of layers in GitHub's markdown."""

from __future__ import annotations

from archcalc.quoting import markdown as escape
from archcalc.reports.closed_form_layer.report import FormulaExplanation, Report
from archcalc.reports.paragraphs import NO_BREAK
from archcalc.reports.tables import table


def render(report: Report) -> str:
    """A table for each layer."""
    return "\n".join(_layer(one) for one in report.explanations)


def _layer(one: FormulaExplanation) -> str:
    lines = [tuple(escape(text.replace(NO_BREAK, " ")) for text in row) for row in one.rows()]
    return f"### {escape(one.title)}\n\n" + table(("", "formula", "in names"), "lll", lines)
