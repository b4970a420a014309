"""A worked example for people."""

from __future__ import annotations

from archcalc.reports.blocks import Block, Group
from archcalc.reports.paragraphs import Heading
from archcalc.reports.worked.report import Report
from archcalc.reports.worked.steps import Worked


def render(report: Report) -> Block:
    """Grids of numbers, and lines that compute with them."""
    return Group(Heading(report.label), "", Worked(report.example))
