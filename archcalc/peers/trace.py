"""What remains of a network in a trace of its module: the operations that an output depends on."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.tensor import Tensor
from archcalc.network.edges import Edges
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.network.paths import running

UNUSED = "it does not see layers that lead to no output"


class Trace:
    """The layers of `graph` that a trace holds.

    Attributes:
        is_certain: whether all that is dropped is known. Earlier copies of a repeat may lead nowhere
        although the last one leads to an output.
    """

    def __init__(self, graph: Graph, edges: Edges) -> None:
        self._edges = edges
        self._used = edges.leading_to(graph.outputs.values())
        self.is_certain = all(self._continues(node, entry) for node, entry in _repeated(graph.nodes))

    def holds(self, node: Node) -> bool:
        """Whether an output depends on the layer."""
        return id(node) in self._used

    def _continues(self, node: Node, entry: Tensor | None) -> bool:
        """Whether each copy of `node` is used by the next one, or none is used at all."""
        inside = {id(one) for one, _, _ in walk([node]) if self.holds(one)}
        return not inside or (
            entry is not None and any(id(reader) in inside for reader in self._edges.consumers(entry))
        )


def _repeated(nodes: list[Node]) -> Iterator[tuple[Node, Tensor | None]]:
    """Every node with several copies, and the tensor that differs between them."""
    for node, before in zip(nodes, [None, *nodes]):
        if node.copies > 1:
            yield node, running(node, before)
        yield from _repeated(node.children)
