"""ACT406."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Note
from archcalc.layers.activation import Activation
from archcalc.layers.adaptive_pooling import AdaptiveMaxPool
from archcalc.layers.pooling import MaxPool
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import swapped
from archcalc.rules.mending import mend
from archcalc.rules.model import Model, spot_of

# Smaller savings are not reported: number of values, and share of the network's element-wise work.
_FEW, _SHARE = 2**16, 0.1


@rule("ACT406", "activation-before-max-pool")
class ActivationBeforeMaxPool(Rule):
    """An activation runs on every pixel, and the max-pooling after it keeps only a few.

    An activation that never decreases gives its largest output for the largest input. Max-pooling first
    therefore gives the same values, bit for bit, with stride² times less work and memory. Not reported
    where it would save less than a tenth of the network's element-wise work, or in a block that
    something else follows in another call.

    Example:
        model: example
        input: [3, 32, 32]
        layers: [conv 64 kernel=3 padding=1, relu, maxpool kernel=2, conv 64 kernel=3]

    Use instead:
        model: example
        input: [3, 32, 32]
        layers: [conv 64 kernel=3 padding=1, maxpool kernel=2, relu, conv 64 kernel=3]

    Reference:
        max(f(a), f(b)) = f(max(a, b)) for every f that never decreases.
    """

    about = (MaxPool, AdaptiveMaxPool)
    severity = "info"
    fixable = "safe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every such activation that only a max-pooling to a smaller image reads."""
        early = [placed.node for placed in model.layers if _pooled(model, placed.node) is not None]
        saved = {id(node): model.costs.own(node).other_flops for node in early}
        affected = model.everywhere(early)
        for node in early:
            after = _pooled(model, node)
            assert after is not None
            many, few = int(node.exit.elements), int(after.exit.elements)
            small = saved[id(node)] * (many - few) < _SHARE * many * model.costs.totals.other_flops
            if many < _FEW or small or spot_of(node) not in affected:
                continue
            yield self.finding(
                model.placed(node),
                f"`{node.op}` computes {many:,} values, of which `{after.op}` keeps {few:,}",
                "move it after the pooling: the result is the same",
                (Note("pooled here", after.place),),
                mend(model, node, affected, f"put it after the `{after.op}`", swapped(node, after)),
                values=many,
                kept=few,
            )


def _pooled(model: Model, node: Node) -> Node | None:
    """The max-pooling that an activation could follow; None if the result would differ."""
    layer = node.layer
    if not isinstance(layer, Activation) or not any(map(_pools, model.consumers(node.exit))) or not layer.rises:
        return None
    after = model.only_consumer(node)
    if after is None or not _pools(after):
        return None
    if after.exit.outputs:  # where maxima tie, other positions would be returned
        return None
    return after if after.exit.elements < node.exit.elements else None


def _pools(node: Node) -> bool:
    return isinstance(node.layer, (MaxPool, AdaptiveMaxPool))
