"""GRF707."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule("GRF707", "declared-costs")
class DeclaredCosts(Rule):
    """A part of the network is `opaque`: its shape and costs are declared, and nothing checks them.

    The totals are only as right as these numbers. The rule is off by default; if you want every
    number to be computed, turn it on to find those that are not.

    Example:
        model: example
        input: [3, 32, 32]
        layers:
          - conv 8 kernel=3
          - opaque 'a fused kernel' output=same macs=1000

    Use instead:
        model: example
        input: [3, 32, 32]
        layers:
          - [conv 8 kernel=3, relu]

    Reference:
        The spec language: opaque is the last resort.
    """

    on = False

    def check(self, model: Model) -> Iterator[Finding]:
        """Every opaque layer, with what it declares."""
        for placed in model.layers:
            layer = placed.node.layer
            if layer is not None and layer.declared:
                own = model.costs.own(placed.node)
                macs = "an unknown number of" if layer.is_unknown else f"{own.macs:,}"
                yield self.finding(
                    placed,
                    f"`{placed.node.label}` declares {own.params:,} parameters and {macs} MACs",
                    "write it as layers, where the language has them",
                    parameters=own.params,
                )
