"""Two networks that were measured in turn, for people."""

from __future__ import annotations

from archcalc.reports import numbers
from archcalc.reports.profile.report import Comparison
from archcalc.reports.profile_comparison.words import ratio


def render(found: Comparison) -> str:
    """Both times, and the ratio with its spread."""
    names = [graph.model for graph in found.graphs]
    width = max(map(len, names))
    lines = [
        f"{name:<{width}}  {numbers.seconds(taken.median)} ± {numbers.seconds(taken.spread)}"
        for name, taken in zip(names, found.times)
    ]
    return "\n".join([*lines, ratio(found)]) + "\n"
