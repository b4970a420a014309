"""For people: every finding with its line and what to do, then their number."""

from __future__ import annotations

from archcalc.reports.blocks import Block, Laid
from archcalc.reports.findings.report import Report
from archcalc.reports.paragraphs import Prose


def render(report: Report) -> Block:
    """As rustc shows them, in colours that the terminal may take off; a line where nothing was found."""
    if not report.findings:
        return Prose(report.summary())
    from archcalc.reports.diagnostics import render as blocks  # not needed if nothing was found

    return Laid(
        lambda page: f"{blocks(report.findings, most=None, closing=report.summary(), fixes=True, width=page.width)}\n"
    )
