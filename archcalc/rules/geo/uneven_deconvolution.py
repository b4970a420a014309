"""GEO206."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule("GEO206", "uneven-deconvolution")
class UnevenDeconvolution(Rule):
    """A transposed convolution whose kernel the stride does not divide: its outputs overlap unevenly.

    Along an axis some outputs sum more inputs than their neighbours, which shows as a checkerboard
    that the weights must learn to undo. With a kernel smaller than the stride some get none.

    Example:
        model: example
        input: [64, 16, 16]
        layers: [convtranspose 32 kernel=3 stride=2 padding=1 output_padding=1]

    Use instead:
        model: example
        input: [64, 16, 16]
        layers: [convtranspose 32 kernel=4 stride=2 padding=1]

    Reference:
        Odena, Dumoulin and Olah 2016, Deconvolution and checkerboard artifacts, Distill.
    """

    def check(self, model: Model) -> Iterator[Finding]:
        """Every transposed convolution with unequal overlaps along some axis."""
        for placed in model.layers:
            node, layer = placed.node, placed.node.layer
            if node.op != "convtranspose":
                continue
            few, many = self._overlap(layer, node.inputs[0])
            if few == many:
                continue
            yield self.finding(
                placed,
                f"outputs overlap unevenly: along an axis some sum {many} inputs, others {few}"
                if few
                else f"some outputs get no input at all, others {many}: the kernel is smaller than the stride",
                "use a kernel that is a multiple of the stride, or `upsample` and a convolution",
                few=few,
                many=many,
            )

    def _overlap(self, layer: Any, x: Any) -> tuple[int, int]:
        """The fewest and the most inputs that an output sums, along the axis where they differ most."""
        n = x.rank - 1
        worst = (1, 1)
        sizes = [layer.per_axis(name, n, x) for name in ("kernel", "stride", "dilation")]
        for size, kernel, stride, dilation in zip(x.shape[1:], *sizes):
            if size > 1 and stride > 1 and kernel < 4096 and stride < 4096:
                counts = [0] * int(stride)
                for tap in range(kernel):
                    counts[tap * dilation % stride] += 1
                if max(counts) - min(counts) > worst[1] - worst[0]:
                    worst = min(counts), max(counts)
        return worst
