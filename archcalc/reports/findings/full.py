"""For people: every finding with its line, what to do, and how many there are."""

from __future__ import annotations

from archcalc.reports.diagnostics import render as blocks
from archcalc.reports.findings.report import Report


def render(report: Report) -> str:
    """As rustc shows them, in colours that the terminal may take off."""
    if not report.findings:
        return ""
    return f"{blocks(report.findings, most=None, closing=report.summary(), fixes=True)}\n"
