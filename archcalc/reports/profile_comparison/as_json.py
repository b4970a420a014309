"""Two networks that were measured in turn: everything, in seconds."""

from __future__ import annotations

import statistics

from archcalc.reports.documents import VERSION, dumps
from archcalc.reports.profile.report import Comparison


def render(found: Comparison) -> str:
    """Both networks, and the ratio of their times."""
    networks = [
        {"model": graph.model, "seconds": taken.median, "spread_seconds": taken.spread, "runs": taken.seconds}
        for graph, taken in zip(found.graphs, found.times)
    ]
    ratio = {"median": statistics.median(found.ratios), "least": min(found.ratios), "most": max(found.ratios)}
    setup = found.setup
    about = {
        "version": VERSION, "device": found.device, "batch": found.graphs[0].batch, "dtype": setup.dtype,
        "mode": "train" if setup.train else "forward", "interrupted": found.interrupted,
    }  # fmt: skip
    return dumps({**about, "networks": networks, "ratio": ratio})
