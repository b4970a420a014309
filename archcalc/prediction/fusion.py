"""torch.compile's fusion: consecutive element-wise passes become one kernel.

Between two products, each tensor from outside is read once, and only results that are read outside are written.
Products stay separate kernels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from archcalc.layers.tensor import Tensor
from archcalc.network.edges import Edges
from archcalc.network.graph import Node, layers_of
from archcalc.network.load import Graph
from archcalc.prediction.masks import MASK
from archcalc.prediction.model import PRODUCTS, pool_of
from archcalc.prediction.operations import ID_BYTES, Operation


def fused(graph: Graph, found: list[Operation], width: int, widths: Mapping[int, int]) -> list[Operation]:
    """The operations of a forward pass, as compiled code runs them.

    Args:
        graph: the network.
        found: all its operations, op by op.
        width: bytes per element.
        widths: bytes per element of tensors that have another width, by identity.
    """
    return _Fusion(graph, found, width, widths).operations()


class _Fusion:
    def __init__(self, graph: Graph, found: list[Operation], width: int, widths: Mapping[int, int]) -> None:
        self.batch, self.found, self.width, self.widths = graph.batch, found, width, widths
        self.edges = Edges(graph.nodes)
        self.products = {id(one.node) for one in found if pool_of(one.kind) == PRODUCTS}
        # The most products on any path to a layer: only layers with the same number are fused.
        self.depth: dict[int, int] = {}
        for node in layers_of(graph.nodes):
            before = [self.edges.producer(x) for x in node.inputs]
            self.depth[id(node)] = max(
                (self.depth.get(id(one), 0) + (id(one) in self.products) for one in before if one is not None),
                default=0,
            )

    def operations(self) -> list[Operation]:
        """Each pass of a fused group counts what it reads from outside the group, and what is read outside of it."""
        return [self._copy(one) if one.part == "copy" else self._one(one) for one in self.found]

    def _one(self, one: Operation) -> Operation:
        if one.part == MASK and one.out_bytes:  # one pass that writes what the scores' kernel reads
            return replace(one, in_bytes=one.flops * self.width, out_bytes=one.flops * self.width)
        return one if one.part or id(one.node) in self.products else self._pass(one)

    def _copy(self, one: Operation) -> Operation:
        """A cast of a pass's result is part of that pass, which also writes what others read."""
        made = [self.edges.producer(x) for x in one.node.inputs]
        if any(node is None or node.is_view or id(node) in self.products for node in made):
            return one
        alone = all(self._for_products(node) for node in made if node is not None)
        return replace(one, in_bytes=0, out_bytes=0 if alone else one.out_bytes)

    def _for_products(self, node: Node) -> bool:
        """Whether only products read the output of a layer."""
        readers = self.edges.consumers(node.exit)
        return bool(readers) and all(id(reader) in self.products for reader in readers)

    def _pass(self, one: Operation) -> Operation:
        node = one.node
        if node.is_view:
            return one
        layer = node.layer
        read = layer.sources(*node.inputs) if layer is not None and node.inputs else ()
        outside = sum(self._bytes(x) for x in read if not self._joined(self.edges.producer(x), node))
        readers = self.edges.consumers(node.exit)
        written = 0 if readers and all(self._joined(node, reader) for reader in readers) else one.out_bytes
        if written and self._for_products(node):
            # what only products read is written in their compute type
            written = min(written, self._bytes(node.exit, self.width))
        weights = one.weight_bytes if outside or written else 0
        return replace(
            one, in_bytes=outside, out_bytes=written, weight_bytes=weights, gradient_bytes=one.gradient_bytes
        )

    def _joined(self, node: Node | None, reader: Node) -> bool:
        """Whether a layer and the reader of its output are fused."""
        if node is None or node.is_view or {id(node), id(reader)} & self.products:
            return False
        return self.depth[id(node)] == self.depth.get(id(reader))

    def _bytes(self, x: Tensor, width: int | None = None) -> int:
        each = ID_BYTES if x.integer else width or self.widths.get(id(x), self.width)
        return x.numel * x.samples(self.batch) * each
