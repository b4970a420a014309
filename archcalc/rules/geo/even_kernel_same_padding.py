"""GEO205."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule("GEO205", "even-kernel-same-padding")
class EvenKernelSamePadding(Rule):
    """`padding=same` with an even kernel: one side gets more than the other.

    A window of even width has no middle. PyTorch adds the odd row on the right, which shifts the
    output by half a pixel, and first makes a padded copy of the input; it warns of that.

    Example:
        model: example
        input: [3, 32, 32]
        layers: [conv 64 kernel=4 padding=same, relu]

    Use instead:
        model: example
        input: [3, 32, 32]
        layers: [conv 64 kernel=3 padding=same, relu]

    Reference:
        torch.nn.Conv2d with padding='same', and its warning.
    """

    def check(self, model: Model) -> Iterator[Finding]:
        """Every such convolution."""
        for placed in model.layers:
            layer: Any = placed.node.layer
            if placed.node.op != "conv" or layer.padding != "same":
                continue
            n = placed.node.inputs[0].rank - 1
            reach = [
                d * (k - 1)
                for k, d in zip(*(layer.per_axis(a, n, placed.node.inputs[0]) for a in ("kernel", "dilation")))
            ]
            odd = next((total for total in reach if total % 2), None)
            if odd is not None:
                yield self.finding(
                    placed,
                    f"`padding=same` adds {odd // 2} on the left and {odd - odd // 2} on the right",
                    "use an odd kernel, or `pad` with the sides that are meant",
                    left=odd // 2,
                    right=odd - odd // 2,
                )
