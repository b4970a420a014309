"""BUD905."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.language.amounts import parse_percent
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.before import UnknownBaseError
from archcalc.rules.measures import MEASURES, NAMES
from archcalc.rules.model import Model


@rule("BUD905", "grew-since-baseline")
class GrewSinceBaseline(Rule):
    """The model has grown by more than the spec's `growth:` allows.

    A budget limits the total, `growth:` a single change, so that additions are noticed even while the
    total is within the budget. The baseline is what `archcalc lint --base` names: a git revision, a file
    or a folder. A baseline that exists but cannot be read is a finding too, because unknown growth is
    not within a limit. A new spec has no baseline. In the examples it is `linear 100`, `relu` and
    `linear 10`.

    Example:
        model: example
        input: [784]
        layers: [linear 120, relu, linear 10]
        growth: {params: 5%}

    Use instead:
        model: example
        input: [784]
        layers: [linear 104, relu, linear 10]
        growth: {params: 5%}

    Reference:
        The limits of the spec.
    """

    severity = "error"
    key = "growth"

    def check(self, model: Model) -> Iterator[Finding]:
        """A finding at each exceeded limit, if there is a base."""
        growth = model.graph.document.growth
        try:
            before = model.before if growth else None
        except UnknownBaseError as error:
            help = "give a base that can be read, or remove the limits in the change that makes it valid"
            yield self.finding(growth[0][1], f"growth is unknown: {error}", help)
            return
        for key, value in growth if before else []:
            assert before is not None
            limit, measure = parse_percent(value.text), MEASURES[key.text]
            was, now = measure(before), measure(model)
            if limit is not None and now > was * (1 + limit):
                grown = (
                    f"{100 * (now - was) / was:.1f} % more than the {was:,} of the base" if was else "there were none"
                )
                yield self.finding(
                    value,
                    f"{now:,} {NAMES[key.text]}, {grown}: the limit is {value.text}",
                    "save elsewhere, or raise the limit in the change that needs it",
                    before=was,
                    after=now,
                )
