"""What a network costs: parameters, operations and bytes, for each node and in total.

Conventions: a multiply-accumulate (MAC) is two FLOPs; MACs are those of convolutions, linear maps,
attention, recurrent and matrix products, as torch.utils.flop_counter counts them. Element-wise
work is counted separately as `other_flops`. Activation bytes are those of every layer's output; a view of another
tensor has none.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from archcalc.network.graph import Node, layers_of, walk
from archcalc.network.load import Graph
from archcalc.quantity import plain, product

DTYPE_BYTES = {"fp64": 8, "fp32": 4, "bf16": 2, "fp16": 2, "int8": 1}


class Cost:
    """A sum of costs, all for the whole batch; parameters and buffers count once.

    Active parameters are those that one position uses: in a mixture of experts, only those of the chosen experts. Frozen
    ones are not trained.
    """

    __slots__ = ("activation_bytes", "active_params", "buffers", "frozen", "macs", "other_flops", "params")

    def __init__(
        self,
        params: int = 0,
        active_params: int = 0,
        buffers: int = 0,
        macs: int = 0,
        other_flops: int = 0,
        activation_bytes: int = 0,
        frozen: int = 0,
    ) -> None:
        self.params = params
        self.active_params = active_params
        self.buffers = buffers
        self.macs = macs
        self.other_flops = other_flops
        self.activation_bytes = activation_bytes
        self.frozen = frozen

    def __iadd__(self, other: Cost) -> Cost:
        self.params += other.params
        self.active_params += other.active_params
        self.buffers += other.buffers
        self.macs += other.macs
        self.other_flops += other.other_flops
        self.activation_bytes += other.activation_bytes
        self.frozen += other.frozen
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Cost) and all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    def __repr__(self) -> str:
        return f"Cost({', '.join(f'{name}={getattr(self, name)}' for name in self.__slots__)})"

    @property
    def trainable(self) -> int:
        """The trained parameters."""
        return self.params - self.frozen

    @property
    def flops(self) -> int:
        """Two for each multiply-accumulate."""
        return 2 * self.macs


class Declared:
    """The part of a network's costs that the spec declares instead of having it computed.

    Attributes:
        layers: how many layers declare their costs.
        params, macs: those of these layers, for the whole batch; unknown: whether the MACs of some are unknown.
    """

    def __init__(self) -> None:
        self.layers = self.params = self.macs = 0
        self.unknown = False


class Costs:
    """The costs of a graph's nodes.

    Args:
        graph: the network.
        useful: count only the attention scores that a mask lets through (`--causal half`).
        dtype: the type of activations.
        batch: how many samples; by default the graph's.

    `own(node)` is the node alone, over all its copies; `total(node)` adds the nodes inside it.
    """

    def __init__(self, graph: Graph, useful: bool = False, dtype: str = "fp32", batch: int | None = None) -> None:
        self.graph = graph
        self.batch = graph.batch if batch is None else batch
        self.useful = useful
        self.dtype = dtype
        self._own: dict[int, Cost] = {}
        self._total: dict[int, Cost] = {}
        self.totals = Cost()
        for node in graph.nodes:
            self.totals += self._add(node, 1, 1, 1)

    def own(self, node: Node) -> Cost:
        """The cost of `node` alone, over all its copies."""
        return self._own[id(node)]

    def total(self, node: Node) -> Cost:
        """The cost of `node` and everything inside it, over all its copies."""
        return self._total[id(node)]

    def _add(self, node: Node, weights: int, active: int, work: int) -> Cost:
        weights *= node.weights * node.copies
        active *= node.active * node.copies
        work *= node.work * node.copies
        runs = node.runs(weights, work, self.batch)
        params = sum([plain(product(shape)) for shape in node.params.values()]) if node.params else 0
        added = sum([one.numbers for one in node.adapters]) if node.adapters else 0
        buffers = sum([plain(product(shape)) for shape in node.buffers.values()]) if node.buffers else 0
        own = Cost(
            weights * (params + added),
            active * (params + added),
            weights * buffers,
            runs * plain(node.macs - node.masked_macs if self.useful else node.macs),
            runs * plain(node.other_flops),
            0 if node.is_view else runs * plain(product(node.exit.shape)) * DTYPE_BYTES[self.dtype],
            weights * params if node.frozen else 0,
        )
        self._own[id(node)] = self._total[id(node)] = own
        if node.children:
            total = self._total[id(node)] = Cost()
            total += own
            for child in node.children:
                total += self._add(child, weights, active, work)
        return self._total[id(node)]

    @cached_property
    def declared(self) -> Declared:
        """The declared part of the costs."""
        found = Declared()
        for node, stored, _ in walk(self.graph.nodes):
            if node.layer is not None and node.layer.declared:
                own = self.own(node)
                found.layers += int(stored)
                found.params, found.macs = found.params + own.params, found.macs + own.macs
                found.unknown |= node.layer.is_unknown
        return found

    def layers(self) -> Iterator[Node]:
        """Every node that is a layer, in order of execution."""
        yield from layers_of(self.graph.nodes)
