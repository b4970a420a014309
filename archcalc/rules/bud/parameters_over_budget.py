"""BUD901."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule("BUD901", "parameters-over-budget")
class ParametersOverBudget(Rule):
    """More parameters than the spec's `budget:` allows.

    The finding names the layers that hold most of them.

    Example:
        model: example
        input: [784]
        layers: [linear 512, relu, linear 10]
        budget: {params: 100K}

    Use instead:
        model: example
        input: [784]
        layers: [linear 100, relu, linear 10]
        budget: {params: 100K}

    Reference:
        The budget of the spec.
    """

    severity = "error"

    def check(self, model: Model) -> Iterator[Finding]:
        """At the budget's value."""
        for value, limit in model.budgets("params"):
            actual = model.costs.totals.params
            if actual > limit:
                largest = sorted(model.costs.layers(), key=lambda node: -model.costs.own(node).params)[:3]
                named = ", ".join(f"{node.id} {model.costs.own(node).params:,}" for node in largest)
                yield self.finding(
                    value,
                    f"{actual:,} parameters, {actual - limit:,} above the budget of {value.text}",
                    f"most are in {named}",
                    parameters=actual,
                    limit=limit,
                )
