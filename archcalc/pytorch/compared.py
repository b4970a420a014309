"""What `archcalc profile --compare` measured: text, JSON, CSV or markdown."""

from __future__ import annotations

import json
import statistics

from archcalc.pytorch.profile import Comparison
from archcalc.quoting import markdown as escape
from archcalc.reports import numbers


def text(found: Comparison) -> str:
    """Both times, and the ratio with its spread."""
    names = [graph.model for graph in found.graphs]
    width = max(map(len, names))
    lines = [
        f"{name:<{width}}  {numbers.seconds(taken.median)} ± {numbers.seconds(taken.spread)}"
        for name, taken in zip(names, found.times)
    ]
    return "\n".join([*lines, _ratio(found)]) + "\n"


def _ratio(found: Comparison) -> str:
    first, second = (graph.model for graph in found.graphs)
    low, high = min(found.ratios), max(found.ratios)
    rounds = "1 round" if len(found.ratios) == 1 else f"{len(found.ratios)} rounds in turn"
    return f"{first} / {second}: {statistics.median(found.ratios):.3f} ({low:.3f} to {high:.3f}, {rounds})"


def data(found: Comparison) -> str:
    """Everything measured, in seconds."""
    networks = [
        {"model": graph.model, "seconds": taken.median, "spread_seconds": taken.spread, "runs": taken.seconds}
        for graph, taken in zip(found.graphs, found.times)
    ]
    ratio = {"median": statistics.median(found.ratios), "least": min(found.ratios), "most": max(found.ratios)}
    setup = found.setup
    about = {
        "version": 1, "device": found.device, "batch": found.graphs[0].batch, "dtype": setup.dtype,
        "mode": "train" if setup.train else "forward", "interrupted": found.interrupted,
    }  # fmt: skip
    return json.dumps({**about, "networks": networks, "ratio": ratio}, ensure_ascii=False) + "\n"


def csv(found: Comparison) -> str:
    """One row for each round."""
    rows = [f"{a},{b},{a / b}" for a, b in zip(*(taken.seconds for taken in found.times))]
    return "\n".join(["first_seconds,second_seconds,ratio", *rows]) + "\n"


def markdown(found: Comparison) -> str:
    """A table for a README."""
    lines = ["| model | time | spread |", "| --- | ---: | ---: |"]
    for graph, taken in zip(found.graphs, found.times):
        name = escape(graph.model)
        lines.append(f"| {name} | {numbers.seconds(taken.median)} | ± {numbers.seconds(taken.spread)} |")
    return "\n".join([*lines, "", escape(_ratio(found))]) + "\n"
