"""ACT402."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.softmax import LogSoftmax
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.losses import classes, last_layers, loss, loss_note, with_loss
from archcalc.rules.model import Model


@rule("ACT402", "log-softmax-before-cross-entropy")
class LogSoftmaxBeforeCrossEntropy(Rule):
    """The loss takes the logarithm of the softmax, and so does the model.

    Values and gradients are right, because the log-softmax of a log-softmax is the same again. One of
    the two is wasted work.

    Example:
        model: example
        input: [20]
        layers: [linear 10, logsoftmax]
        loss: crossentropy

    Use instead:
        model: example
        input: [20]
        layers: [linear 10, logsoftmax]
        loss: nll

    Reference:
        torch.nn.CrossEntropyLoss: equivalent to LogSoftmax and NLLLoss.
    """

    about = (LogSoftmax,)
    key = "loss"
    severity = "info"
    fixable = "safe"

    def check(self, model: Model) -> Iterator[Finding]:
        """The log-softmax that the loss reads."""
        last = last_layers(model)
        if loss(model) != "crossentropy" or not last or any(not isinstance(node.layer, LogSoftmax) for node in last):
            return
        fix = with_loss(model, "nll", safe=True)
        for node in last:
            if classes(node) is not None:
                work = int(node.other_flops)
                yield self.finding(
                    model.placed(node),
                    f"`crossentropy` takes the log-softmax again: {work:,} operations a sample for nothing",
                    "write `loss: nll`, or delete the layer if nothing else needs logarithms of probabilities",
                    loss_note(model),
                    fix,
                    operations=work,
                )
