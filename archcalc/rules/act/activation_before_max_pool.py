"""ACT406."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Note
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model

_RISING = ("relu", "relu6", "sigmoid", "tanh", "softplus", "hardsigmoid", "hardtanh", "elu", "selu")


@rule("ACT406", "activation-before-max-pool")
class ActivationBeforeMaxPool(Rule):
    """An activation on every pixel, of which the max-pooling behind it keeps a few.

    A function that never falls gives the largest output for the largest input, so max-pooling
    first gives the same values bit for bit, from stride² times less work and memory.

    Example:
        model: example
        input: [3, 32, 32]
        layers: [conv 64 kernel=3 padding=1, relu, maxpool kernel=2, conv 64 kernel=3]

    Use instead:
        model: example
        input: [3, 32, 32]
        layers: [conv 64 kernel=3 padding=1, maxpool kernel=2, relu, conv 64 kernel=3]

    Reference:
        max(f(a), f(b)) = f(max(a, b)) for every f that does not fall.
    """

    severity = "info"
    on = False  # true of nearly every convolutional network, and small beside its convolutions

    def check(self, model: Model) -> Iterator[Finding]:
        """Every such activation that only a max-pooling to a smaller image reads."""
        for placed in model.layers:
            node = placed.node
            after = model.only_consumer(node) if node.op in _RISING else None
            if after is None or after.op != "maxpool":
                continue
            many, few = int(node.exit.elements), int(after.exit.elements)
            if few < many and getattr(node.layer, "alpha", 1.0) >= 0:
                yield self.finding(
                    placed,
                    f"`{node.op}` computes {many:,} values, of which `maxpool` keeps {few:,}",
                    "put it after the pooling: the result is the same",
                    (Note("pooled here", after.place),),
                    values=many,
                    kept=few,
                )
