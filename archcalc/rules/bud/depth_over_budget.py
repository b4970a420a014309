"""BUD908."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule("BUD908", "depth-over-budget")
class DepthOverBudget(Rule):
    """More layers with weights one behind the other than the spec's `budget:` allows.

    Such layers cannot run side by side, so that their number bounds the time of one sample from
    below, whatever the device; and gradients pass through all of them.

    Example:
        model: example
        input: [64]
        layers: [{repeat: 30, layers: [linear 64, relu]}, linear 10]
        budget: {depth: 20}

    Use instead:
        model: example
        input: [64]
        layers: [{repeat: 12, layers: [linear 64, relu]}, linear 10]
        budget: {depth: 20}

    Reference:
        The budget of the spec.
    """

    severity = "error"

    def check(self, model: Model) -> Iterator[Finding]:
        """At the budget's value."""
        for value, limit in model.budgets("depth"):
            if model.depth > limit:
                yield self.finding(
                    value,
                    f"{model.depth:,} layers with weights one behind the other, "
                    f"{model.depth - limit:,} above the budget of {value.text}",
                    "use fewer layers or copies on the longest path",
                    depth=model.depth,
                    limit=limit,
                )
