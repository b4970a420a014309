"""ACT405."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archcalc.diagnostics import Note
from archcalc.layers.activation import Softmax
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import without_layer
from archcalc.rules.mending import mend
from archcalc.rules.model import Model

_IN_UNIT = ("sigmoid", "softmax", "hardsigmoid")
# For each activation those after which it changes nothing.
_IDLE = {
    "relu": ("relu", "relu6", "softplus", *_IN_UNIT),
    "relu6": ("relu6", *_IN_UNIT),
}


@rule("ACT405", "repeated-activation")
class RepeatedActivation(Rule):
    """An activation of an activation, which does nothing or squeezes the values together.

    What a relu gives is not negative, so a second relu passes it on. A sigmoid or softmax of
    numbers between 0 and 1 has but a small part of its range left: a sigmoid of them lies between
    0.5 and 0.731.

    Example:
        model: example
        input: [20]
        layers:
          - linear 10
          - relu
          - relu
          - linear 2

    Use instead:
        model: example
        input: [20]
        layers:
          - linear 10
          - relu
          - linear 2

    Reference:
        The definitions of torch.nn.ReLU, Sigmoid and Softmax.
    """

    fixable = "safe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every activation that reads another whose values leave it nothing to do, or little."""
        before = {id(placed.node): _before(model, placed.node) for placed in model.layers}
        idle = [
            placed.node
            for placed in model.layers
            if (first := before[id(placed.node)]) and first.op in _IDLE.get(placed.node.op, ())
        ]
        for placed in model.layers:
            node, first = placed.node, before[id(placed.node)]
            if first is None:
                continue
            note = (Note(f"`{first.op}` stands here", first.place),)
            if node in idle:
                fix = mend(model, node, idle, f"delete the `{node.op}`", without_layer(node))
                message = f"`{node.op}` changes none of the {int(node.exit.elements):,} values that `{first.op}` gives"
                yield self.finding(placed, message, "delete it", note, fix, values=int(node.exit.elements))
            elif first.op in _IN_UNIT and node.op in ("sigmoid", "softmax"):
                low, high = _range(node, first)
                message = f"`{node.op}` of `{first.op}`: its values lie between {low:.3f} and {high:.3f}"
                yield self.finding(placed, message, "delete one of the two", note, low=low, high=high)


def _before(model: Model, node: Node) -> Node | None:
    """The layer that computes what an activation reads."""
    if node.op not in ("relu", "relu6", "sigmoid", "softmax"):
        return None
    first = model.producer(node.inputs[0])
    while first is not None and first.op == "identity":
        first = model.producer(first.inputs[0])
    return first


def _range(node: Node, first: Node) -> tuple[float, float]:
    """The least and the largest value, of inputs between 0 and 1."""
    if not isinstance(node.layer, Softmax):
        return 0.5, math.e / (math.e + 1)
    x = node.inputs[0]
    others = int(x.shape[x.feature_axis if node.layer.axis is None else x.axis(node.layer.axis)]) - 1
    # the values of a softmax sum to 1: one of them is 1 at most
    low = 1 / (math.e + others) if first.op == "softmax" else 1 / (1 + others * math.e)
    return low, math.e / (math.e + others)
