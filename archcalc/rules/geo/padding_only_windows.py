"""GEO203."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model
from archcalc.rules.windows import fixed


@rule("GEO203", "padding-only-windows")
class PaddingOnlyWindows(Rule):
    """Some windows lie on padding alone, and their outputs are the same for every input.

    If the border is as wide as the kernel, the outer outputs see only zeros. They hold the bias, cost
    work, and tell later layers nothing.

    Example:
        model: example
        input: [64, 28, 28]
        layers: [conv 128 kernel=1 padding=1]

    Use instead:
        model: example
        input: [64, 28, 28]
        layers: [conv 128 kernel=1]

    Reference:
        The definition of padding in torch.nn.Conv2d.
    """

    def check(self, model: Model) -> Iterator[Finding]:
        """Every convolution and pooling with such windows."""
        for placed in model.layers:
            found = model.windows(placed.node)
            if found is None or not fixed(placed.node.inputs[0]):
                continue
            total = product(window.out for window in found)
            blind = total - product(window.out - window.blind_outputs() for window in found)
            if blind:
                yield self.finding(
                    placed,
                    f"{blind:,} of {total:,} outputs see only padding",
                    f"use a padding below {min(window.reach for window in found)}",
                    blind=blind,
                    total=total,
                )
