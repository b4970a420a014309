"""BUD901."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.measures import MEASURES, NAMES
from archcalc.rules.model import Model


@rule("BUD901", "parameters-over-budget")
class ParametersOverBudget(Rule):
    """The model has more parameters, or trainable ones, than the spec's `budget:` allows.

    The finding names the layers that hold the most.

    Example:
        model: example
        input: [784]
        layers: [linear 512, relu, linear 10]
        budget: {params: 100k}

    Use instead:
        model: example
        input: [784]
        layers: [linear 100, relu, linear 10]
        budget: {params: 100k}

    Reference:
        The budget of the spec.
    """

    key = "budget"
    severity = "error"

    def check(self, model: Model) -> Iterator[Finding]:
        """A finding at the budget's value."""
        for measure in ("params", "trainable"):
            yield from self._above(model, measure)

    def _above(self, model: Model, measure: str) -> Iterator[Finding]:
        def count(node: Node) -> int:
            return int(getattr(model.costs.own(node), measure))

        for value, limit in model.budgets(measure):
            actual = MEASURES[measure](model)
            if actual > limit:
                largest = sorted(model.costs.layers(), key=lambda node: -count(node))[:3]
                named = ", ".join(f"{model.told(node)} ({count(node):,})" for node in largest)
                yield self.finding(
                    value,
                    f"{actual:,} {NAMES[measure]}, {actual - limit:,} above the budget of {value.text}",
                    f"most are in {named}",
                    parameters=actual,
                    limit=limit,
                )
