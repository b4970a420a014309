"""The derivation of layers for people."""

from __future__ import annotations

from archcalc.reports.blocks import Block, Group
from archcalc.reports.explanation.report import Report
from archcalc.reports.explanation.text import Drawn


def render(report: Report) -> Block:
    """One after the other."""
    drawn = [block for one in report.explanations for block in ("", Drawn(one))]
    return Group(*drawn[1:])
