"""BUD903."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.memory import inference_bytes, training_bytes
from archcalc.rules.model import Model


@rule("BUD903", "memory-over-budget")
class MemoryOverBudget(Rule):
    """Training or inference takes more memory than the spec's `budget:` allows.

    `memory` bounds training: weights, gradients and the two averages of Adam, 16 bytes a parameter
    in fp32, and the outputs of all layers, which the backward pass reads. `inference_memory` bounds
    a forward pass: the weights, and the largest tensors that one layer reads and gives.

    Example:
        model: example
        input: [784]
        layers: [linear 4096, relu, linear 10]
        budget: {memory: 16MiB}

    Use instead:
        model: example
        input: [784]
        layers: [linear 1024, relu, linear 10]
        budget: {memory: 16MiB}

    Reference:
        Rajbhandari et al. 2019, arXiv:1910.02054, section 3.1.
    """

    severity = "error"

    def check(self, model: Model) -> Iterator[Finding]:
        """At the budget's value."""
        for measure, pass_, needed in (
            ("memory", "training", training_bytes),
            ("inference_memory", "inference", inference_bytes),
        ):
            for value, limit in model.budgets(measure):
                weights, tensors = needed(model)
                if weights + tensors > limit:
                    yield self.finding(
                        value,
                        f"{weights + tensors:,} bytes for {pass_}, "
                        f"{weights + tensors - limit:,} above the budget of {value.text}",
                        f"{weights:,} are for parameters, {tensors:,} for outputs of layers",
                        bytes=weights + tensors,
                        limit=limit,
                    )
