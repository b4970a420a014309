"""The derivation of layers in GitHub's markdown."""

from __future__ import annotations

from archcalc.quoting import markdown as escape
from archcalc.reports.explanation.report import Explanation, Report
from archcalc.reports.tables import table


def render(report: Report) -> str:
    """A table for each layer."""
    return "\n".join(_layer(one) for one in report.explanations)


def _layer(one: Explanation) -> str:
    lines = [
        ("&emsp;" * line.level + escape(line.title), *map(escape, (line.formula, line.value, line.note)))
        for line in one.lines
        if line
    ]
    return f"### {escape(one.title)}\n\n" + table(("", "formula", "value", ""), "llrl", lines)
