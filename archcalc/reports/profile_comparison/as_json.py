"""Two networks that were measured in turn: everything, in seconds."""

from __future__ import annotations

import statistics

from archcalc.reports.documents import VERSION, dumps
from archcalc.reports.profile.report import Comparison
from archcalc.reports.running import facts


def render(found: Comparison) -> str:
    """Both networks, and the ratio of their times."""
    networks = [
        {"model": graph.model, "seconds": taken.median, "spread_seconds": taken.spread, "runs": taken.seconds}
        for graph, taken in zip(found.graphs, found.times)
    ]
    ratio = {"median": statistics.median(found.ratios), "least": min(found.ratios), "most": max(found.ratios)}
    about = {
        "version": VERSION, "device": found.device, "batch": found.graphs[0].batch,
        "run": facts(found.running), "interrupted": found.interrupted,
    }  # fmt: skip
    return dumps({**about, "networks": networks, "ratio": ratio})
