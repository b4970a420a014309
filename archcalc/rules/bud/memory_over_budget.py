"""BUD903."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.memory import largest, run_of
from archcalc.rules.model import Model


@rule("BUD903", "memory-over-budget")
class MemoryOverBudget(Rule):
    """Training or inference takes more memory than the spec's `budget:` allows.

    `memory` bounds the peak of a training step with Adam, `inference_memory` that of a forward pass,
    both in fp32 on the CPU, as `archcalc memory` predicts them. The finding names the layers that
    take most of it.

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
        for measure, pass_ in (("memory", "training"), ("inference_memory", "inference")):
            for value, limit in model.budgets(measure):
                run = run_of(model, pass_ == "training")
                if run.peak > limit:
                    named = ", ".join(f"{id} {bytes_:,}" for id, bytes_ in largest(model, run))
                    yield self.finding(
                        value,
                        f"{run.peak:,} bytes for {pass_}, {run.peak - limit:,} above the budget of {value.text}",
                        f"{run.base:,} are there all the time, {run.peak - run.base:,} more at the peak"
                        + (f"; most are for {named}" if named else ""),
                        bytes=run.peak,
                        limit=limit,
                    )
