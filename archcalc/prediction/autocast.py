"""The types of tensors on a GPU under autocast, and the casts they need."""

from __future__ import annotations

from archcalc.layers.memory import JOINED, LOW, WIDE
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.network.paths import propagate
from archcalc.running import Running
from archcalc.running.precisions import BYTES


def widths(graph: Graph, running: Running) -> dict[int, int]:
    """Bytes per element of each tensor, by the tensor's identity; empty if all have one type.

    Copies of a repeat count like those after the first; the first may read another type.
    """
    types = running.types
    if not (types.autocast and running.gpu):
        return {}
    found: dict[int, int] = {id(x): types.width for x in graph.inputs.values()}

    def rule(node: Node, read: list[int | None]) -> int:
        kind = node.layer.autocast if node.layer is not None else ""
        if kind == LOW:
            return BYTES[types.computes]
        if kind in (WIDE, JOINED):
            return types.width
        known = [width for width, x in zip(read, node.inputs) if width and not x.integer]
        return max(known, default=types.width)

    def grow(once: int | None, twice: int | None, copies: int) -> int:
        return max(once or 0, twice or 0) or types.width

    propagate(graph.nodes, found, rule, grow, later=True)
    return found
