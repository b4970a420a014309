"""Two networks that were measured in turn, as a table for a README."""

from __future__ import annotations

from archcalc.quoting import markdown as escape
from archcalc.reports import numbers
from archcalc.reports.profile.report import Comparison
from archcalc.reports.profile_comparison.words import ratio


def render(found: Comparison) -> str:
    """A table for a README."""
    lines = ["| model | time | spread |", "| --- | ---: | ---: |"]
    for graph, taken in zip(found.graphs, found.times):
        name = escape(graph.model)
        lines.append(f"| {name} | {numbers.seconds(taken.median)} | ± {numbers.seconds(taken.spread)} |")
    return "\n".join([*lines, "", escape(ratio(found))]) + "\n"
