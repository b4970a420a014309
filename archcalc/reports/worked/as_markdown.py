"""A worked example in GitHub's markdown."""

from __future__ import annotations

from archcalc.quoting import markdown as escape
from archcalc.reports.worked.report import Report


def render(report: Report) -> str:
    """The steps in a list, each with its lines as a block of code."""
    parts = [f"### {escape(report.label)}\n"]
    for number, (title, lines) in enumerate(report.steps(), 1):
        parts.append(f"{number}. {escape(title)}\n")
        if lines:
            parts.append("\n".join(["   ```text", *(f"   {line}" for line in lines), "   ```\n"]))
    return "\n".join(parts)
