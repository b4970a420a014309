"""What is left of a network in a trace of its module: the operations that an output depends on."""

from __future__ import annotations

from archcalc.network.edges import Edges
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.network.paths import running

UNUSED = "it does not see layers that lead to no output"
# Layers that take the size of the batch from a tensor that they do not read, which keeps it in the trace.
_SIZED = ("parameter", "relposbias")


class Trace:
    """The layers of `graph` that a trace holds.

    Attributes:
        is_certain: whether all that is dropped is known. Earlier copies of a repeat may lead nowhere
            while the last one leads to an output, and a size may keep what else would go.
    """

    def __init__(self, graph: Graph, edges: Edges) -> None:
        self._used = edges.leading_to(graph.outputs.values())
        layers = [node for node, _, _ in walk(graph.nodes)]
        drops = any(node.layer is not None and id(node) not in self._used for node in layers)
        loose = any(node.copies > 1 or (node.op in _SIZED and id(node) in self._used) for node in layers)
        self.is_certain = not (drops and loose) and not _starts_anew(graph.nodes)

    def holds(self, node: Node) -> bool:
        """Whether an output depends on the layer."""
        return id(node) in self._used


def _starts_anew(nodes: list[Node]) -> bool:
    """Whether copies of a repeat do not read what the copy before them gives: only the last one is used."""
    for node, before in zip(nodes, [None, *nodes]):
        if (node.copies > 1 and running(node, before) is None) or _starts_anew(node.children):
            return True
    return False
