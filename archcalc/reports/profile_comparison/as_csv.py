"""Two networks that were measured in turn, round by round."""

from __future__ import annotations

from archcalc.reports.profile.report import Comparison
from archcalc.reports.sheet import sheet


def render(found: Comparison) -> str:
    """One row for each round."""
    rows = [(a, b, a / b) for a, b in zip(*(taken.seconds for taken in found.times))]
    return sheet(("first_seconds", "second_seconds", "ratio"), rows)
