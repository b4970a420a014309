"""BUD902."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule("BUD902", "operations-over-budget")
class OperationsOverBudget(Rule):
    """The model has more multiply-accumulates than the spec's `budget:` allows.

    They are counted for one sample, and include masked attention scores. The finding names the layers that need the most.

    Example:
        model: example
        input: [3, 32, 32]
        layers: [conv 64 kernel=3 padding=1, relu, conv 64 kernel=3 padding=1]
        budget: {macs: 10M}

    Use instead:
        model: example
        input: [3, 32, 32]
        layers: [conv 64 kernel=3 padding=1 stride=2, relu, conv 64 kernel=3 padding=1]
        budget: {macs: 10M}

    Reference:
        The budget of the spec.
    """

    key = "budget"
    severity = "error"

    def check(self, model: Model) -> Iterator[Finding]:
        """A finding at the budget's value."""
        for value, limit in model.budgets("macs"):
            costs = model.sample_costs
            actual = costs.totals.macs
            if actual > limit:
                largest = sorted(costs.layers(), key=lambda node: -costs.own(node).macs)[:3]
                named = ", ".join(f"{model.told(node, runs=True)} ({costs.own(node).macs:,})" for node in largest)
                yield self.finding(
                    value,
                    f"{actual:,} MACs, {actual - limit:,} above the budget of {value.text}",
                    f"most are in {named}",
                    macs=actual,
                    limit=limit,
                )
