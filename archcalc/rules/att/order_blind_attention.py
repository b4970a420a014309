"""ATT601."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model

# Layers that treat every position alike; `elementwise` ones are added.
_ALIKE = ("embedding", "linear", "layernorm", "rmsnorm", "residual", "add", "mul", "sub", "moe", "identity",
          "scale", "clstoken", "select", "mean", "softmax", "logsoftmax", "attention")  # fmt: skip


@rule("ATT601", "order-blind-attention")
class OrderBlindAttention(Rule):
    """Attention over tokens, and nothing in the model that knows their order.

    Attention sums over positions. Without position vectors, rotary positions, a mask or a layer
    that goes along the sequence, shuffled tokens give the same vectors, shuffled: the model sees a
    bag of words.

    Example:
        model: example
        dims: {seq: 16}
        input: [seq]
        layers:
          - embedding vocab=1000 dim=64
          - attention 4 bias=qvo
          - mean
          - linear 2

    Use instead:
        model: example
        dims: {seq: 16}
        input: [seq]
        layers:
          - embedding vocab=1000 dim=64
          - posembed kind=sinusoidal
          - attention 4 bias=qvo
          - mean
          - linear 2

    Reference:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.5.
    """

    def check(self, model: Model) -> Iterator[Finding]:
        """The first attention of a model of one sequence of tokens whose layers are all blind to order."""
        inputs = list(model.graph.inputs.values())
        if len(inputs) != 1 or inputs[0].rank != 1 or not inputs[0].integer or inputs[0].shape[0] < 2:
            return
        class_token = any(placed.node.op == "clstoken" for placed in model.layers)
        if not all(_blind(placed.node, class_token) for placed in model.layers):
            return
        attention = [placed for placed in model.layers if placed.node.op == "attention"]
        if attention:
            yield self.finding(
                attention[0],
                f"no layer knows the order of the {int(inputs[0].shape[0])} tokens: shuffled ones give the same result",
                "add `posembed` after the embedding, or rope= to the attention",
                positions=int(inputs[0].shape[0]),
            )


def _blind(node: Node, class_token: bool) -> bool:
    """Whether shuffling the positions of what a layer reads only shuffles what it gives."""
    layer: Any = node.layer
    if node.op == "attention":
        return not layer.causal and layer.rope is None and layer.window is None and layer.relbias is None
    if node.op == "select":  # the class token's place; another's would tell it from the rest
        return bool(class_token and layer.index == 0 and layer.axis == 0)
    if node.op == "mean":
        return node.inputs[0].rank == 2 and [node.inputs[0].axis(axis) for axis in layer.axis] == [0]
    if node.op in ("softmax", "logsoftmax"):
        return layer.axis is None or node.inputs[0].axis(layer.axis) == node.inputs[0].rank - 1
    return node.op in _ALIKE or (layer.elementwise and node.op != "rope")
