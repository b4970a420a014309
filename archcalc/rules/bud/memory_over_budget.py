"""BUD903."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.memory import found, largest
from archcalc.rules.model import Model


@rule("BUD903", "memory-over-budget")
class MemoryOverBudget(Rule):
    """Training or inference takes more memory than the spec's `budget:` allows.

    `memory` limits a training step and `inference_memory` a forward pass. Both are predicted
    as by `archcalc memory`, for a run described by options, settings and the spec's `run:`; the default
    is AdamW in fp32 on the CPU. The finding names the layers that take the most.

    Example:
        model: example
        input: [784]
        layers: [linear 4096, relu, linear 10]
        budget: {memory: 16MiB}

    Use instead:
        model: example
        input: [784]
        layers: [linear 640, relu, linear 10]
        budget: {memory: 16MiB}

    Reference:
        Rajbhandari et al. 2019, arXiv:1910.02054, section 3.1, for what Adam needs.
    """

    key = "budget"
    severity = "error"

    def check(self, model: Model) -> Iterator[Finding]:
        """A finding at the budget's value."""
        for measure, pass_ in (("memory", "training"), ("inference_memory", "inference")):
            for value, limit in model.budgets(measure):
                one = found(model, pass_ == "training")
                if (bytes := one.peak) > limit:
                    assert one.run is not None
                    base = one.run.base
                    named = ", ".join(f"{layer} ({bytes_:,})" for layer, bytes_ in largest(model, one))
                    yield self.finding(
                        value,
                        f"{bytes:,} bytes for {pass_}, {bytes - limit:,} above the budget of {value.text}",
                        f"{base:,} are in use throughout, {bytes - base:,} more at the peak"
                        + (f"; most are for {named}" if named else "")
                        + f"; {one.running}",
                        bytes=bytes,
                        limit=limit,
                    )
