"""Every layer with its first line, for people."""

from __future__ import annotations

from archcalc.reports.layer.report import summary
from archcalc.reports.layers.report import Report


def render(report: Report) -> str:
    """By family."""
    lines = []
    for family, layers in report.families.items():
        lines.append(family)
        lines += [f"  {layer.op:<18} {summary(layer)}" for layer in layers]
        lines.append("")
    lines.append("`archcalc layer NAME` describes one; name=, from=, repeat=, tie= and frozen= go with any.")
    return "\n".join(lines) + "\n"
