"""The derivation of layers for machines: every number with its formula."""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.reports.documents import VERSION, dumps
from archcalc.reports.explanation.report import Explanation


def render(explanations: Sequence[Explanation]) -> str:
    """One after the other."""
    return dumps({"version": VERSION, "layers": [one.data for one in explanations]})
