"""What is too much to go through: copies one at a time.

Costs do not grow with the copies of a repeat, so that a spec may ask for any number. What lists
them one by one has an end, and says so instead of going on for hours.
"""

from __future__ import annotations

from archcalc.diagnostics import RequestError
from archcalc.network.graph import walk
from archcalc.network.load import Graph

MOST_LAYERS = 1_000_000


def check_copies(graph: Graph, what: str) -> None:
    """Raise `RequestError` where `what`, which lists every copy of a layer, would list too many."""
    layers = sum(stored for node, stored, _ in walk(graph.nodes) if node.layer is not None)
    if layers > MOST_LAYERS:
        raise RequestError(
            f"{graph.path}: {graph.model} has {layers:,} layers with every copy, and {what} lists at most {MOST_LAYERS:,}: "
            "repeat fewer times"
        )
