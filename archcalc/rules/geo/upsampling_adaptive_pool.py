"""GEO208."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.adaptive_pooling import AdaptivePooling
from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model
from archcalc.rules.windows import fixed, space


@rule("GEO208", "upsampling-adaptive-pool")
class UpsamplingAdaptivePool(Rule):
    """Adaptive pooling to a size larger than its input repeats values.

    PyTorch allows it silently. Later layers get copies, and pay for each of them in weights and time: a
    head made for large images often does this on small ones.

    Example:
        model: example
        input: [512, 1, 1]
        layers: [adaptiveavgpool 7, conv 512 kernel=3]

    Use instead:
        model: example
        input: [512, 1, 1]
        layers: [adaptiveavgpool 1, conv 512 kernel=1]

    Reference:
        The definition of torch.nn.AdaptiveAvgPool2d.
    """

    about = (AdaptivePooling,)

    def check(self, model: Model) -> Iterator[Finding]:
        """Every adaptive pooling that is larger than its input along some axis."""
        for placed in model.layers:
            node = placed.node
            if not isinstance(node.layer, AdaptivePooling) or not fixed(node.inputs[0]):
                continue
            x, y = node.inputs[0].shape[1:], node.exit.shape[1:]
            if any(a < b for a, b in zip(x, y)):
                yield self.finding(
                    placed,
                    f"the pooling makes {space(node.exit)} values from {space(node.inputs[0])}: it repeats them",
                    "pool to at most the size of the input",
                    inputs=int(product(x)),
                    outputs=int(product(y)),
                )
