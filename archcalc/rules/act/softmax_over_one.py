"""ACT408."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.softmax import Softmax, SoftmaxLike
from archcalc.quantity import varies
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule("ACT408", "softmax-over-one")
class SoftmaxOverOne(Rule):
    """A softmax over a single element is 1, whatever goes in.

    It divides one number by itself, and nothing before it gets a gradient. For the one logit of a
    two-class model use `sigmoid`; for a map of scores, another axis.

    Example:
        model: example
        input: [20]
        layers: [linear 1, softmax]
        loss: bce

    Use instead:
        model: example
        input: [20]
        layers: [linear 1, sigmoid]
        loss: bce

    Reference:
        The definition of torch.nn.Softmax.
    """

    about = (SoftmaxLike,)
    severity = "error"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every softmax whose axis has size 1, unless that size comes from a dim."""
        for placed in model.layers:
            node, layer = placed.node, placed.node.layer
            if not isinstance(layer, SoftmaxLike):
                continue
            x = node.inputs[0]
            axis = layer.along(x)
            if x.shape[axis] == 1 and not varies(x.shape[axis]):
                value = 1 if isinstance(node.layer, Softmax) else 0
                yield self.finding(
                    placed,
                    f"`{node.op}` over axis {axis} of {x}, which has size 1: its output is always {value}",
                    "use `sigmoid`, or give axis= another axis",
                    value=value,
                )
