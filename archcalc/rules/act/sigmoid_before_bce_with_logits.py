"""ACT403."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archcalc.layers.activation import Sigmoid
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import without_layer
from archcalc.rules.losses import last_layers, loss, loss_note, taken
from archcalc.rules.mending import mend
from archcalc.rules.model import Model


@rule("ACT403", "sigmoid-before-bce-with-logits")
class SigmoidBeforeBceWithLogits(Rule):
    """The loss applies sigmoid, and the model has already applied it.

    The sigmoid of a sigmoid lies between 0.5 and 0.731. The loss cannot fall below 0.313 for a positive
    example, or below 0.693 for a negative one, which is no better than a coin toss.

    Example:
        model: example
        input: [20]
        layers: [linear 1, sigmoid]
        loss: bcewithlogits

    Use instead:
        model: example
        input: [20]
        layers: [linear 1]
        loss: bcewithlogits

    Reference:
        torch.nn.BCEWithLogitsLoss: it combines a sigmoid and the loss.
    """

    about = (Sigmoid,)
    key = "loss"
    severity = "error"
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """The sigmoid that the loss reads, when every output has one."""
        last = last_layers(model, taken)
        if loss(model) != "bcewithlogits" or not last or any(not isinstance(node.layer, Sigmoid) for node in last):
            return
        positive, negative = math.log(1 + 1 / math.e), math.log(2)
        affected = model.everywhere(last)
        for node in last:
            yield self.finding(
                model.placed(node),
                "`bcewithlogits` applies sigmoid again: the loss cannot fall below "
                f"{positive:.3f} for a positive example and {negative:.3f} for a negative one",
                "delete the sigmoid, or write `loss: bce`",
                loss_note(model),
                mend(model, node, affected, "delete the sigmoid", without_layer(node), safe=False),
                positive=positive,
                negative=negative,
            )
