"""A layer as a counting tool sees it: the sizes it works on, for a whole batch, in one run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from archcalc.layers.base import Layer
from archcalc.layers.tensor import Tensor
from archcalc.network.edges import Edges
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.quantity import product


class Call:
    """One run of a layer.

    Attributes:
        node, layer: the layer, in `graph`; batch: how many samples it works on. In an expert, one position is a sample.
        x, y: the first input and the output, of one sample.
        weights: the number of elements of each named parameter it uses, including tied ones.
        edges: which layers compute its inputs.
        reused: whether it calls the module of another layer.
    """

    def __init__(self, node: Node, graph: Graph, edges: Edges, reused: bool = False) -> None:
        assert node.layer is not None
        self.node = node
        self.layer: Layer = node.layer
        self.graph = graph
        self.batch = node.exit.samples(graph.batch)
        self.edges = edges
        self.inputs: Sequence[Tensor] = node.inputs
        self.y = node.exit
        self.x = node.inputs[0] if node.inputs else node.exit
        self.reused = reused
        self.weights = {name: int(product(shape)) for name, shape in self._shapes().items()}

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        tied = {name: owner.params[name] for name, owner in self.node.tied.items()}
        return {**self.node.params, **tied}

    def argument(self, name: str) -> Any:
        """The value of an argument of the layer."""
        return getattr(self.layer, name)

    @property
    def macs(self) -> int:
        """Our count."""
        return self.batch * int(self.node.macs)

    @property
    def zeros(self) -> int:
        """Products with numbers that the spec says are 0, which we leave out."""
        return self.batch * (int(self.layer.counted(self.node.macs, self.y, *self.inputs)) - int(self.node.macs))

    @property
    def params(self) -> int:
        """Our count, without tied parameters, which belong to another layer."""
        return sum(int(product(shape)) for shape in self.node.params.values())

    @property
    def read(self) -> int:
        """Elements of the first input."""
        return self.x.samples(self.graph.batch) * int(self.x.elements)

    @property
    def written(self) -> int:
        """Elements of the output."""
        return self.batch * int(self.y.elements)

    @property
    def held(self) -> int:
        """Elements of all parameters, including tied ones."""
        return sum(self.weights.values())

    @property
    def bias_terms(self) -> int:
        """Bias additions to the output."""
        return self.written if "bias" in self.weights else 0

    @property
    def router_bias_terms(self) -> int:
        """Bias additions to the score of each expert, if the layer has a router with a bias."""
        return self.read // int(self.x.shape[-1]) * self.weights.get("router.bias", 0)

    @property
    def is_function(self) -> bool:
        """Whether its weights belong to another layer, so that it is not a module."""
        return getattr(self.layer, "weight", None) is not None

    @property
    def axes(self) -> int:
        """Axes after the channels."""
        return self.x.rank - 1

    @property
    def is_affine(self) -> bool:
        """Whether a norm learns a scale."""
        return bool(getattr(self.layer, "affine", False))
