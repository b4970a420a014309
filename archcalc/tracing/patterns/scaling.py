"""A learned factor for each channel or feature."""

from __future__ import annotations

from archcalc.tracing.graph import Graph, Node
from archcalc.tracing.patterns.views import replace


def apply(graph: Graph) -> None:
    """`layerscale` for a product with a parameter along one axis."""
    users = graph.users()
    for node in list(graph.nodes):
        if node.op != "mul" or len(node.inputs) != 2:
            continue
        for factor, x in (node.inputs, node.inputs[::-1]):
            if (
                factor.node.op != "parameter"
                or x.node.op == "parameter"
                or len(users.get(factor, [])) != 1
                or x.sizes != node.sizes
            ):
                continue
            sizes = (1,) * (len(x.sizes) - len(factor.sizes)) + factor.sizes
            long = [axis for axis, size in enumerate(sizes) if size != 1]
            if len(long) == 1 and sizes[long[0]] == x.sizes[long[0]] and long[0] in (0, len(x.sizes) - 1):
                made = Node("layerscale", node.sizes, node.scope, [x], {"axis": long[0]})
                made.weights = {"weight": factor.node.weights["weight"]}
                made.place = node.place
                replace(graph, node, made)
                break
