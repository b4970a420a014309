"""A table of the layers for each family, in GitHub's markdown."""

from __future__ import annotations

from archcalc.quoting import markdown_message
from archcalc.reports.layer.report import summary
from archcalc.reports.layers.report import Report
from archcalc.reports.tables import table


def render(report: Report) -> str:
    """By family."""
    parts = []
    for family, layers in report.families.items():
        lines = [(f"`{layer.op}`", markdown_message(summary(layer))) for layer in layers]
        parts.append(f"### {family}\n\n" + table(("layer", ""), "ll", lines))
    return "\n".join(parts)
