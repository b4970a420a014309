"""BUD903."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.memory import inference_bytes, training_bytes
from archcalc.rules.model import Model


@rule("BUD903", "memory-over-budget")
class MemoryOverBudget(Rule):
    """Training or inference takes more memory than the spec's `budget:` allows.

    `memory` bounds the peak of a training step with Adam, `inference_memory` that of a forward pass,
    both in fp32 on the CPU, as `archcalc memory` predicts them.

    Example:
        model: example
        input: [784]
        layers: [linear 4096, relu, linear 10]
        budget: {memory: 16MiB}

    Use instead:
        model: example
        input: [784]
        layers: [linear 512, relu, linear 10]
        budget: {memory: 16MiB}

    Reference:
        Rajbhandari et al. 2019, arXiv:1910.02054, section 3.1, for what Adam needs.
    """

    severity = "error"

    def check(self, model: Model) -> Iterator[Finding]:
        """At the budget's value."""
        for measure, pass_, needed in (
            ("memory", "training", training_bytes),
            ("inference_memory", "inference", inference_bytes),
        ):
            for value, limit in model.budgets(measure):
                base, more = needed(model)
                if base + more > limit:
                    yield self.finding(
                        value,
                        f"{base + more:,} bytes for {pass_}, {base + more - limit:,} above the budget of {value.text}",
                        f"{base:,} are there all the time (`archcalc memory` says what for), {more:,} more at the peak",
                        bytes=base + more,
                        limit=limit,
                    )
