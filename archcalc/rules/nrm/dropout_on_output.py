"""NRM505."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.activation import Sigmoid
from archcalc.layers.base import Layer
from archcalc.layers.convolution import Conv
from archcalc.layers.dense import Linear
from archcalc.layers.regularization import Dropout
from archcalc.layers.softmax import SoftmaxLike
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import without_layer
from archcalc.rules.losses import last_layers, loss, loss_note, taken
from archcalc.rules.mending import mend
from archcalc.rules.model import Model


@rule("NRM505", "dropout-on-output")
class DropoutOnOutput(Rule):
    """Dropout is applied to the predictions themselves.

    Before the last layer dropout makes features redundant. After it there is nothing to make redundant:
    in training a logit is 0 with probability p whatever the input, and the loss punishes the model for
    it.

    Example:
        model: example
        input: [20]
        layers: [linear 10, dropout 0.5]
        loss: crossentropy

    Use instead:
        model: example
        input: [20]
        layers: [dropout 0.5, linear 10]
        loss: crossentropy

    Reference:
        Srivastava et al. 2014, Dropout, section 4: it is applied to inputs and hidden units.
    """

    about = (Dropout,)
    key = "loss"
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every dropout after the last linear layer or convolution whose output the loss reads."""
        last = last_layers(model, _through)
        affected = model.everywhere(last)
        for node in last if loss(model) else []:
            layer = node.layer
            if not isinstance(layer, Dropout):
                continue
            before = model.producer(node.inputs[0])
            if before is not None and isinstance(before.layer, (Linear, Conv)) and layer.p > 0:
                fix = mend(model, node, affected, "delete the dropout", without_layer(node), safe=False)
                yield self.finding(
                    model.placed(node),
                    f"each of the {int(node.exit.elements):,} predictions is 0 with probability {layer.p:g} in training",
                    "put the dropout before the last layer",
                    loss_note(model),
                    fix,
                    probability=float(layer.p),
                )


def _through(layer: Layer) -> bool:
    return taken(layer) or isinstance(layer, (SoftmaxLike, Sigmoid))
