"""SHP113."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.network.misread import LINEAR_ON_IMAGE
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule(LINEAR_ON_IMAGE, "linear-on-image")
class LinearOnImage(Rule):
    """A linear layer reads an image as it comes in, and acts on each row by itself.

    PyTorch takes the last axis of its input for the features, so the layer has a weight for each column
    and shares them among rows and channels. Usually a `flatten` is missing. If the three axes are
    something else, for example windows of positions with features, the input can say so: `input: {x:
    {size: [9, 49, 16], layout: features-last}}`.

    Example:
        model: mnist
        input: [1, 28, 28]
        layers:
          - [linear 128, relu, linear 10]

    Use instead:
        model: mnist
        input: [1, 28, 28]
        layers:
          - [flatten, linear 128, relu, linear 10]

    Reference:
        torch.nn.Linear, whose input is [*, in_features].
    """

    def check(self, model: Model) -> Iterator[Finding]:
        """Every linear layer that alone decides the layout of an input of three axes."""
        for found in model.misread:
            if found.code == self.code:
                placed = model.placed(found.node)
                yield self.finding(
                    placed, found.message, found.help, found.notes, pixels=int(found.node.inputs[0].elements)
                )
