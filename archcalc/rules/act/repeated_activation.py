"""ACT405."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archcalc.diagnostics import Note
from archcalc.layers.activation import Activation, Sigmoid
from archcalc.layers.base import Layer
from archcalc.layers.pooling import MaxPool
from archcalc.layers.softmax import Softmax, SoftmaxLike
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import without_layer
from archcalc.rules.mending import mend
from archcalc.rules.model import Model, idle


@rule("ACT405", "repeated-activation")
class RepeatedActivation(Rule):
    """An activation applied to another one does nothing, or squeezes the values together.

    The output of a relu is never negative, so a second relu changes nothing. A sigmoid or softmax of
    numbers between 0 and 1 uses only a small part of its range: such a sigmoid lies between 0.5 and
    0.731.

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
        """Every activation that reads the output of another and changes nothing, or squeezes it."""
        idle = {id(placed.node): first for placed in model.layers if (first := _idle_after(model, placed.node))}
        squeezed = {id(placed.node): first for placed in model.layers if (first := _squeezed(model, placed.node))}
        nodes = [placed.node for placed in model.layers]
        doing_nothing, doing_little = (
            model.everywhere(one for one in nodes if id(one) in found) for found in (idle, squeezed)
        )
        for node in nodes:
            first = idle.get(id(node)) or squeezed.get(id(node))
            if first is None:
                continue
            note, safe = (Note(f"`{first.op}` is here", first.place),), id(node) in idle
            alike = doing_nothing if safe else doing_little
            fix = mend(model, node, alike, f"delete the `{node.op}`", without_layer(node), safe)
            if safe:
                count = int(node.exit.elements)
                message = f"`{node.op}` changes none of the {count:,} values that `{first.op}` gives"
                yield self.finding(model.placed(node), message, "delete it", note, fix, values=count)
            else:
                low, high = _range(node, first)
                message = f"`{node.op}` after `{first.op}`: its values lie between {low:.3f} and {high:.3f}"
                yield self.finding(model.placed(node), message, "delete one of the two", note, fix, low=low, high=high)


def _idle_after(model: Model, node: Node) -> Node | None:
    """The layer whose values an activation passes on unchanged; None if it may change some."""
    layer = node.layer
    if not isinstance(layer, Activation) or layer.passes is None:
        return None
    least, most = layer.passes
    first = model.maker(node.inputs[0], _nonnegative if (least, most) == (0, math.inf) else _taking)
    if first is None or not isinstance(first.layer, (Activation, SoftmaxLike)):
        return None
    low, high = first.layer.span
    return first if low >= least and high <= most else None


def _squeezed(model: Model, node: Node) -> Node | None:
    """The layer that gives a sigmoid or softmax values between 0 and 1."""
    first = model.maker(node.inputs[0], idle) if isinstance(node.layer, (Sigmoid, Softmax)) else None
    layer = first.layer if first is not None else None
    return first if isinstance(layer, (Activation, SoftmaxLike)) and layer.span == (0, 1) else None


def _range(node: Node, first: Node) -> tuple[float, float]:
    """The smallest and the largest output for inputs between 0 and 1."""
    if not isinstance(node.layer, Softmax):
        return 0.5, math.e / (math.e + 1)
    x = node.inputs[0]
    others = int(x.shape[node.layer.along(x)]) - 1
    # the outputs of a softmax sum to 1, so at most one of them is 1
    low = 1 / (math.e + others) if isinstance(first.layer, Softmax) else 1 / (1 + others * math.e)
    return low, math.e / (math.e + others)


def _nonnegative(layer: Layer) -> bool:
    return layer.nonnegative


def _taking(layer: Layer) -> bool:
    """Whether its outputs are all among its inputs."""
    return layer.reorders or isinstance(layer, MaxPool)
