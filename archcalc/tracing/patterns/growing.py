"""Features that grow part by part: each join reads the one before it."""

from __future__ import annotations

from archcalc.tracing.graph import Graph, Node, Out


def apply(graph: Graph) -> None:
    """Where a `concat` begins with what an earlier one joins, make it read that one, as in a dense block."""
    joined: dict[tuple[int, tuple[Out, ...]], Node] = {}
    for node in graph.nodes:
        if node.op != "concat":
            continue
        axis, parts = node.keys["axis"], tuple(node.inputs)
        for count in range(len(parts) - 1, 1, -1):
            earlier = joined.get((axis, parts[:count]))
            if earlier is not None:
                node.inputs = [Out(earlier), *parts[count:]]
                break
        joined.setdefault((axis, parts), node)
