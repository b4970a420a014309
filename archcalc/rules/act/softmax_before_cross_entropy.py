"""ACT401."""

from __future__ import annotations

import math
from collections.abc import Iterator

from archcalc.layers.softmax import Softmax
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import without_layer
from archcalc.rules.losses import classes, last_layers, loss, loss_note
from archcalc.rules.mending import mend
from archcalc.rules.model import Model


@rule("ACT401", "softmax-before-cross-entropy")
class SoftmaxBeforeCrossEntropy(Rule):
    """The loss applies softmax, and the model has already applied it.

    Cross-entropy takes logits. Probabilities lie between 0 and 1, so after the loss's own softmax the
    right class gets at most e / (e + C − 1). With C classes the loss never falls below ln(1 + (C − 1) /
    e), and its gradient is small everywhere.

    Example:
        model: example
        input: [20]
        layers: [linear 10, softmax]
        loss: crossentropy

    Use instead:
        model: example
        input: [20]
        layers: [linear 10]
        loss: crossentropy

    Reference:
        torch.nn.CrossEntropyLoss: its input is unnormalised logits.
    """

    about = (Softmax,)
    key = "loss"
    severity = "error"
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """The softmax that the loss reads, when every output has one."""
        last = last_layers(model)
        if loss(model) != "crossentropy" or not last or any(not isinstance(node.layer, Softmax) for node in last):
            return
        affected = model.everywhere(last)
        for node in last:
            count = classes(node)
            if count is not None and count > 1:
                floor = math.log(1 + (count - 1) / math.e)
                fix = mend(model, node, affected, "delete the softmax", without_layer(node), safe=False)
                yield self.finding(
                    model.placed(node),
                    f"`crossentropy` applies softmax again: with {count:,} classes the loss cannot fall below {floor:.3f}",
                    "delete the softmax; apply it to the model's output where you need probabilities",
                    loss_note(model),
                    fix,
                    floor=floor,
                    classes=count,
                )
