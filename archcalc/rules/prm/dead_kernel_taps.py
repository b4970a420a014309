"""PRM302."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model
from archcalc.rules.windows import fixed, space


@rule("PRM302", "dead-kernel-taps")
class DeadKernelTaps(Rule):
    """Taps of a kernel that only ever meet padding: their weights have no effect and no gradient.

    On an image as small as the kernel, or with a dilation as large as the image, the outer taps
    fall outside at every position: a 3×3 kernel with padding 1 on a 1×1 image is a 1×1 kernel.

    Example:
        model: example
        input: [512, 1, 1]
        layers: [conv 512 kernel=3 padding=1]

    Use instead:
        model: example
        input: [512, 1, 1]
        layers: [conv 512 kernel=1]

    Reference:
        Chen et al. 2017, arXiv:1706.05587, section 3.3 (large dilations degenerate to 1×1).
    """

    def check(self, model: Model) -> Iterator[Finding]:
        """Every convolution with such taps, whose weights no other layer uses."""
        for placed in model.layers:
            node = placed.node
            found = model.windows(node) if node.op == "conv" else None
            if found is None or model.shares(node) or not fixed(node.inputs[0]):
                continue
            taps = product(window.kernel for window in found)
            dead = taps - product(window.kernel - window.dead_taps() for window in found)
            if dead:
                weights = int(product(node.params["weight"][:2])) * dead
                yield self.finding(
                    placed,
                    f"{dead} of the {taps} taps of the kernel never meet the {space(node.inputs[0])} input: "
                    f"{weights:,} dead weights",
                    "use a smaller kernel or dilation, or a larger image",
                    dead=dead,
                    taps=taps,
                    parameters=weights,
                )
