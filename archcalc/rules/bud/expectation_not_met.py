"""BUD907."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.expectations import unmet
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule("BUD907", "expectation-not-met")
class ExpectationNotMet(Rule):
    """A number in the spec's `expect:` differs from the computed one.

    Expectations are a test kept next to the model: a layer changed by mistake shows up in the number of
    parameters. They describe the spec as it is written, so they are not compared under other
    settings.

    Example:
        model: example
        input: [784]
        layers: [linear 100, relu, linear 10]
        expect: {params: 79500}

    Use instead:
        model: example
        input: [784]
        layers: [linear 100, relu, linear 10]
        expect: {params: 79510}

    Reference:
        The expectations of the spec.
    """

    key = "expect"
    severity = "error"

    def check(self, model: Model) -> Iterator[Finding]:
        """A finding at each value that is not met."""
        for number, found in enumerate(unmet(model.costs), 1):
            yield self.finding(found.place, found.message, found.help, found.notes, number=number)
