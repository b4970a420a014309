"""The bytes of parameters as stored: matrices that are not trained may be quantised."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.dense import Embedding
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.quantity import plain, product
from archcalc.running import Running


class Stored:
    """How the parameters of a network are stored in a run."""

    def __init__(self, graph: Graph, running: Running) -> None:
        self.graph, self.running = graph, running
        self._given = {id(y) for y in graph.outputs.values()}

    def parameters(self) -> Iterator[tuple[int, int]]:
        """Bytes and number of each parameter, including those of adapters."""
        width = self.running.width
        for node, stored, _ in walk(self.graph.nodes):
            quantised = self.running.stored if node.params and self.is_quantised(node) else None
            for shape in node.params.values():
                if quantised is not None and len(shape) == 2:
                    yield quantised.stored([int(size) for size in shape]), stored
                else:
                    yield plain(product(shape)) * width, stored
            for adapter in node.adapters:
                yield from ((plain(product(shape)) * width, stored) for shape in adapter.shapes)

    def is_quantised(self, node: Node) -> bool:
        """Whether the matrices of a node are stored in the type of `weights`."""
        kind, layer = self.running.stored, node.layer
        if kind is None or layer is None or (self.running.trains and not node.frozen):
            return False
        if isinstance(layer, Embedding):
            return kind.tables
        return bool(node.inputs and layer.projections(node.exit, *node.inputs)) and (
            kind.tables or id(node.exit) not in self._given
        )

    def expanded(self, node: Node, width: int) -> int:
        """Bytes of a node's largest matrix in the compute type, if products read it dequantised."""
        kind = self.running.stored
        if kind is None or not (self.running.trains or kind.expands) or not self.is_quantised(node):
            return 0
        assert node.layer is not None
        shapes = (*node.params.values(), *(owner.params.get(name, ()) for name, owner in node.tied.items()))
        return max((plain(product(shape)) * width for shape in shapes if len(shape) == 2), default=0)
