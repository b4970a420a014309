"""The derivation of layers for people."""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.reports.blocks import Block, Group
from archcalc.reports.explanation.report import Explanation
from archcalc.reports.explanation.text import Drawn


def render(explanations: Sequence[Explanation]) -> Block:
    """One after the other."""
    drawn = [block for one in explanations for block in ("", Drawn(one))]
    return Group(*drawn[1:])
