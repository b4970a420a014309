"""PRM307."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model
from archcalc.rules.windows import space


@rule("PRM307", "dominant-layer")
class DominantLayer(Rule):
    """One linear layer behind `flatten` holds more than half of all parameters.

    It has a weight for every pixel and channel of the flattened image. It is a fact and not a
    fault, but it is where a model's size comes from: averaging each channel first leaves one
    number of each.

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
            if node.op != "linear" or 2 * own <= total or node.copies > 1:
                continue
            before = model.producer(node.inputs[0])
            while before is not None and before.op == "dropout":
                before = model.producer(before.inputs[0])
            if before is None or before.op != "flatten":
                continue
            image = before.inputs[0]
            if image.rank > 1 and product(image.shape[1:]) > 1:
                yield self.finding(
                    placed,
                    f"this layer holds {own:,} of the {total:,} parameters ({own / total:.1%}): "
                    f"it reads {space(image)} pixels of {image.shape[0]} channels",
                    "`adaptiveavgpool 1` before `flatten` would leave one number of each channel",
                    parameters=own,
                    total=total,
                )
