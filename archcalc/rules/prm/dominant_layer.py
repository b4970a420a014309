"""PRM307."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.dense import Linear
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.normalization import BatchNorm, LayerNorm
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node
from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model
from archcalc.rules.windows import space


@rule("PRM307", "dominant-layer")
class DominantLayer(Rule):
    """One linear layer after `flatten` holds more than half of all parameters.

    It has a weight for every pixel and channel of the flattened image. That is a fact rather than a
    fault, but it explains the model's size: averaging each channel first leaves one number per channel.

    Example:
        model: example
        input: [3, 32, 32]
        layers: [conv 64 kernel=3 padding=1, relu, flatten, linear 10]

    Use instead:
        model: example
        input: [3, 32, 32]
        layers: [conv 64 kernel=3 padding=1, relu, adaptiveavgpool 1, flatten, linear 10]

    Reference:
        Lin, Chen and Yan 2013, arXiv:1312.4400, section 3.2 (global average pooling).
    """

    severity = "info"

    def check(self, model: Model) -> Iterator[Finding]:
        """The linear layer that reads a flattened image and outweighs all others together."""
        total = model.costs.totals.params
        for placed in model.layers:
            node = placed.node
            own = model.costs.own(node).params
            if not isinstance(node.layer, Linear) or 2 * own <= total or node.copies > 1:
                continue
            image = _flattened(model, node)
            if image is not None:
                yield self.finding(
                    placed,
                    f"this layer holds {own:,} of the {total:,} parameters ({100 * own / total:.1f} %): "
                    f"it reads {space(image)} pixels of {image.shape[0]} channels",
                    "`adaptiveavgpool 1` before `flatten` would leave one number per channel",
                    parameters=own,
                    total=total,
                )


def _flattened(model: Model, node: Node) -> Tensor | None:
    """The image that a layer reads as one vector, if it does."""
    before = model.producer(node.inputs[0])
    while before is not None and before.layer is not None and before.inputs and before.exit.rank == 1:
        x = before.inputs[0]
        if before.layer.reorders and x.rank > 1 and x.layout == CHANNELS_FIRST:
            return x if product(x.shape[1:]) > 1 else None
        if not before.layer.elementwise and not isinstance(before.layer, (BatchNorm, LayerNorm)):
            return None
        before = model.producer(x)
    return None
