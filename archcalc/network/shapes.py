"""Whether the shapes of a network fit together, and nothing else."""

from __future__ import annotations

from archcalc.layers.base import Layer
from archcalc.layers.tensor import Tensor
from archcalc.network.build import Builder
from archcalc.network.graph import Node
from archcalc.network.steps import Step


class Shapes(Builder):
    """Computes only shapes: not what layers cost, nor whether that is too large for the machine."""

    def _count_work(self, node: Node, layer: Layer, first: Tensor, inputs: tuple[Tensor, ...]) -> None:
        node.params = layer.params(first)  # which others may be tied to

    def _check_sizes(self, step: Step, node: Node) -> None:
        pass
