"""ACT407."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from archcalc.diagnostics import Note
from archcalc.layers.activation import Activation, Sigmoid
from archcalc.layers.base import Layer
from archcalc.layers.regularization import Dropping
from archcalc.layers.softmax import SoftmaxLike
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import without_layer
from archcalc.rules.losses import last_layers, loss, loss_note
from archcalc.rules.mending import mend
from archcalc.rules.model import Model

_OF_LOGITS = (SoftmaxLike, Sigmoid)


@rule("ACT407", "clipped-logits")
class ClippedLogits(Rule):
    """A relu, sigmoid or tanh on logits limits what the model can say about a class.

    A relu makes every negative logit 0 and stops its gradient: a sigmoid after it never gives a
    probability below one half, and a softmax cannot tell apart the classes that the model rules out. If
    logits lie between two bounds, cross-entropy cannot fall below a floor: with C classes and logits
    from 0 to 1 it is ln(1 + (C − 1) / e).

    Example:
        model: example
        input: [20]
        layers: [linear 10, relu]
        loss: crossentropy

    Use instead:
        model: example
        input: [20]
        layers: [linear 10]
        loss: crossentropy

    Reference:
        Goodfellow, Bengio and Courville 2016, Deep learning, section 6.2.2.
    """

    about = (Activation,)
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every relu that a softmax, a sigmoid or a loss on logits reads, and every bounded activation before crossentropy."""
        clipped: dict[int, tuple[Node, str, tuple[Note, ...]]] = {}
        for placed in model.layers:
            first = model.maker(placed.node.inputs[0], _through) if isinstance(placed.node.layer, _OF_LOGITS) else None
            if first is not None and _clips(first):
                clipped[id(first)] = (first, placed.node.op, (Note("read here", placed.node.place),))
        name, last = loss(model), last_layers(model, _through)
        bounds = name == "crossentropy"
        if (bounds or name == "bcewithlogits") and all(_clips(node) or (bounds and _bounds(node)) for node in last):
            clipped |= {id(node): (node, name, loss_note(model)) for node in last}
        affected = model.everywhere(node for node, _, _ in clipped.values())
        for node, reader, notes in clipped.values():
            count = int(node.exit.shape[node.exit.feature_axis])
            if between := _bounds(node):
                low, high = between
                floor = math.log(1 + (count - 1) * math.exp(low - high))
                what = (
                    f"`{node.op}` keeps the {count:,} logits between {low:g} and {high:g}: "
                    f"`{reader}` cannot fall below {floor:.3f}"
                )
                numbers: dict[str, Any] = {"logits": count, "floor": floor}
            else:
                what = (
                    f"`{node.op}` sets every negative logit of the {int(node.exit.elements):,} to 0 before `{reader}`"
                )
                numbers = {"logits": int(node.exit.elements)}
            fix = mend(model, node, affected, "delete it", without_layer(node), safe=False)
            yield self.finding(model.placed(node), what, "delete it", notes, fix, **numbers)


def _clips(node: Node) -> bool:
    """Whether it sets every negative number to 0 and leaves the others unchanged."""
    layer = node.layer
    return isinstance(layer, Activation) and layer.span[0] == 0 and layer.passes is not None


def _bounds(node: Node) -> tuple[float, float] | None:
    """The bounds of its output, unless it only clips."""
    layer = node.layer
    bounded = isinstance(layer, Activation) and not _clips(node) and all(map(math.isfinite, layer.span))
    return layer.span if bounded and isinstance(layer, Activation) else None


def _through(layer: Layer) -> bool:
    return layer.reorders or isinstance(layer, Dropping)
