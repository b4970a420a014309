"""Fuses what exporters decompose: norms and activations that older versions of ONNX did not have.

A pattern is a function of the graph and of the node that it begins or ends with; list it in `PATTERNS`.
"""

from __future__ import annotations

from collections.abc import Callable

from archcalc.onnx.joining import activations, moves, norms, products
from archcalc.onnx.joining.graph import Joining
from archcalc.onnx.model import Model, Node

PATTERNS: tuple[Callable[[Joining, Node], None], ...] = (
    activations.gelu,
    activations.tanh_gelu,
    activations.gated,
    activations.bounded,
    norms.layer_norm,
    norms.group_norm,
    norms.unit,
    products.linear,
    products.guard,
    moves.roll,
)


def join(model: Model) -> None:
    """Applies the patterns one after the other."""
    for pattern in PATTERNS:
        joining = Joining(model)
        for node in model.nodes:
            if not node.domain and id(node) not in joining.gone:
                pattern(joining, node)
        if joining.new:
            model.nodes = list(joining.nodes())
