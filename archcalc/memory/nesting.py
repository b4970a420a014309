"""Groups of copies inside each other: how often a simulation goes through the layers in them."""

from __future__ import annotations

from archcalc.diagnostics import RequestError
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.quantity import plain

# How many of several equal copies are simulated: the first two and the last.
_SIMULATED = 3
# Groups may always be nested this deep; at most this many passes, in all, go through layers further in.
_DEPTH, MOST_PASSES, MOST_FORMULAS = 4, 5_000, 1_500


def check_nesting(graph: Graph, most: int) -> None:
    """Raise `RequestError` if more than `most` passes go through the layers in more than `_DEPTH` groups of copies."""
    passes, depth = _passes(graph.nodes, 0, 1)
    if passes > most:
        raise RequestError(
            f"{graph.path}: {graph.model} has copies in {depth} levels of `repeat`, and {_SIMULATED} of each are "
            f"simulated for its memory: {passes:,} passes through layers, and at most {most:,} are made: write a level "
            "that holds only another level as one, with the product of their numbers"
        )


def _passes(nodes: list[Node], depth: int, times: int) -> tuple[int, int]:
    """The passes through layers deeper than `_DEPTH`, and how deep the deepest layer is."""
    passes, deepest = 0, depth
    for node in nodes:
        inside, each = depth, times
        if node.copies > 1:
            inside, each = depth + 1, times * min(_SIMULATED, plain(node.copies))
        further, below = _passes(node.children, inside, each)
        passes += further + (each if node.layer is not None and inside > _DEPTH else 0)
        deepest = max(deepest, below)
    return passes, deepest
