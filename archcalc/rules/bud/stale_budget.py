"""BUD906."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Edit, Fix
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.measures import MEASURES, NAMES
from archcalc.rules.model import Model

_UNITS = ((12, "T"), (9, "G"), (6, "M"), (3, "k"))


@rule("BUD906", "stale-budget")
class StaleBudget(Rule):
    """A budget is more than twice what the model needs, so it would not notice the model doubling.

    A limit is useful if it is close to the value. After a model has shrunk, lower its budget as well, or
    the savings can be lost again unnoticed.

    Example:
        model: example
        input: [784]
        layers: [linear 10]
        budget: {params: 1M}

    Use instead:
        model: example
        input: [784]
        layers: [linear 10]
        budget: {params: 10k}

    Reference:
        The budget of the spec.
    """

    key = "budget"
    severity = "info"
    fixable = "safe"

    def check(self, model: Model) -> Iterator[Finding]:
        """A finding at the budget's value; a spec with variants has one budget for all of them."""
        if model.graph.document.variants or model.graph.given or model.graph.batch != 1:
            return
        for measure, need in MEASURES.items():
            for value, limit in model.budgets(measure):
                needed = need(model)
                if not limit > 2 * needed > 0:
                    continue
                wanted = _round_up(needed)
                fix = Fix(f"write {wanted}", (Edit(value, wanted),), safe=True) if not value.quoted else None
                yield self.finding(
                    value,
                    f"the budget of {value.text} is {limit / needed:.1f} times the {needed:,} {NAMES[measure]} that the model has",
                    f"write {wanted}",
                    (),
                    fix,
                    limit=limit,
                    needed=needed,
                )


def _round_up(number: int) -> str:
    """The number rounded up to two significant figures, as in a budget: 7,850 as 7.9k."""
    step = int(10 ** max(0, len(str(number)) - 2))
    rounded = -(-number // step) * step
    scale, unit = next(((10**power, unit) for power, unit in _UNITS if rounded >= 10**power), (1, ""))
    return f"{rounded // scale}{unit}" if rounded % scale == 0 else f"{rounded / scale:.1f}{unit}"
