"""GRF706."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.network.freezing import CODE, idle
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule(CODE, "nothing-to-freeze")
class NothingToFreeze(Rule):
    """`frozen=` is set on a layer or group that has no parameters.

    It does nothing there. Often the layer before or after was meant, which is still trained; or
    statistics were meant to stay fixed, which needs another layer: `frozenbatchnorm`.

    Example:
        model: example
        input: [20]
        layers:
          - [linear 64, relu frozen=true, linear 10]

    Use instead:
        model: example
        input: [20]
        layers:
          - [linear 64 frozen=true, relu, linear 10]

    Reference:
        PyTorch: torch.nn.Module.requires_grad_.
    """

    def check(self, model: Model) -> Iterator[Finding]:
        """A finding at the value of each `frozen=` that concerns no parameter in any copy."""
        for number, found in enumerate(idle(model.graph), 1):
            yield self.finding(found.place, found.message, found.help, number=number)
