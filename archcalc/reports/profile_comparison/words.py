"""How two networks that were measured in turn compare, in words."""

from __future__ import annotations

import statistics

from archcalc.reports.profile.report import Comparison


def ratio(found: Comparison) -> str:
    """The first time over the second, from the least to the most."""
    first, second = (graph.model for graph in found.graphs)
    low, high = min(found.ratios), max(found.ratios)
    rounds = "1 round" if len(found.ratios) == 1 else f"{len(found.ratios)} rounds in turn"
    return f"{first} / {second}: {statistics.median(found.ratios):.3f} ({low:.3f} to {high:.3f}, {rounds})"
