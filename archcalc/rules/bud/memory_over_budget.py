"""BUD903."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.language.document import parse_amount
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model

# Bytes for each parameter in fp32: the weight, its gradient, and the two averages of Adam.
_TRAINING = 16


def training_bytes(model: Model) -> int:
    """What training holds in fp32: 16 bytes a parameter, 4 a buffer, and the outputs of all layers."""
    totals = model.costs.totals
    return _TRAINING * totals.params + 4 * totals.buffers + totals.activation_bytes


@rule("BUD903", "memory-over-budget")
class MemoryOverBudget(Rule):
    """Training takes more memory than the spec's `budget:` allows.

    Counted are weights, gradients and the two averages of Adam, 16 bytes a parameter in fp32, and
    the outputs of all layers, which the backward pass reads. Views and what the device's kernels
    take besides are not: the true number is larger in most cases.

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
        for key, value in model.graph.document.budget:
            if key.text != "memory":
                continue
            limit, actual = parse_amount(value.text), training_bytes(model)
            if limit is not None and actual > limit:
                outputs = model.costs.totals.activation_bytes
                yield self.finding(
                    value,
                    f"{actual:,} bytes for training, {actual - limit:,} above the budget of {value.text}",
                    f"{_TRAINING * model.costs.totals.params:,} are for parameters, {outputs:,} for outputs of layers",
                    bytes=actual,
                    limit=limit,
                )
