"""ACT404."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archcalc.layers.base import Layer
from archcalc.layers.facts import ANY
from archcalc.layers.regularization import Dropping
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.losses import last_layers, loss, loss_note, taken, with_loss
from archcalc.rules.model import Model

# What each loss expects, its range, and what is missing.
_WANTED = {
    "nll": ("logarithms of probabilities", (-math.inf, 0), "logsoftmax", "crossentropy"),
    "bce": ("probabilities", (0, 1), "sigmoid", "bcewithlogits"),
}


@rule("ACT404", "logits-into-probability-loss")
class LogitsIntoProbabilityLoss(Rule):
    """The loss expects probabilities or their logarithms, and the model gives something else.

    `nll` picks out one number and negates it. Without a log-softmax before it the loss has no lower
    bound, and training drives it to −∞. `bce` takes the logarithm of its input; PyTorch raises an error
    if a value lies outside [0, 1].

    Example:
        model: example
        input: [20]
        layers: [linear 10]
        loss: nll

    Use instead:
        model: example
        input: [20]
        layers: [linear 10, logsoftmax]
        loss: nll

    Reference:
        torch.nn.NLLLoss and BCELoss.
    """

    key = "loss"
    severity = "error"
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """The last layer, if no output comes from a layer that can give what the loss expects."""
        name, last = loss(model), last_layers(model, _through)
        if name not in _WANTED or not last:
            return
        takes, between, missing, instead = _WANTED[name]
        if not all(_gives_others(node, *between) for node in last):
            return
        logits = all(node.layer is not None and node.layer.span == ANY and not node.layer.elementwise for node in last)
        fix = with_loss(model, instead, safe=False) if logits else None
        for node in last:
            yield self.finding(
                model.placed(node),
                f"`{name}` takes {takes}, but the model's output comes from `{node.op}`",
                f"add `{missing}`, or write `loss: {instead}`",
                loss_note(model),
                fix,
                loss=name,
            )


def _gives_others(node: Node, low: float, high: float) -> bool:
    """Whether some outputs of a layer are outside the expected range."""
    span = node.layer.span if node.layer is not None else None
    return span is not None and (span[0] < low or span[1] > high)


def _through(layer: Layer) -> bool:
    return taken(layer) or isinstance(layer, Dropping)
