"""BUD908."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.network.graph import walk
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule("BUD908", "depth-over-budget")
class DepthOverBudget(Rule):
    """The longest path has more layers with weights than the spec's `budget:` allows.

    These layers cannot run side by side, so their number sets a lower bound on the time of one sample on
    any device, and gradients pass through all of them. The finding names the layers that occur there
    most often.

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

    key = "budget"
    severity = "error"

    def check(self, model: Model) -> Iterator[Finding]:
        """A finding at the budget's value."""
        for value, limit in model.budgets("depth"):
            if model.depth > limit:
                often = {node.id: work for node, _, work in walk(model.graph.nodes) if node.layer and node.layer.depth}
                named = ", ".join(f"{id} ×{often[id]}" for id in sorted(often, key=lambda id: -often[id])[:3])
                yield self.finding(
                    value,
                    f"{model.depth:,} layers with weights on the longest path, "
                    f"{model.depth - limit:,} above the budget of {value.text}",
                    f"use fewer layers or copies on the longest path, where the most frequent are {named}",
                    depth=model.depth,
                    limit=limit,
                )
