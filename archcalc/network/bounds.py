"""A limit on listing copies one by one.

Work does not grow with the copies of a repeat, so a spec may ask for any number. A report that lists each copy
refuses too many instead of running for hours.
"""

from __future__ import annotations

from archcalc.diagnostics import RequestError
from archcalc.network.graph import walk
from archcalc.network.load import Graph

MOST_LAYERS = 1_000_000


def check_copies(graph: Graph, what: str) -> None:
    """Raises `RequestError` if `what`, which lists every copy of a layer, would list too many."""
    layers = sum(stored for node, stored, _ in walk(graph.nodes) if node.layer is not None)
    if layers > MOST_LAYERS:
        raise RequestError(
            f"{graph.path}: {graph.model} has {layers:,} layers with every copy, and {what} lists at most {MOST_LAYERS:,}: "
            "repeat fewer times"
        )
