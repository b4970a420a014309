"""GEO206."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.transposed import ConvTranspose
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import with_arguments
from archcalc.rules.mending import mend
from archcalc.rules.model import Model


@rule("GEO206", "uneven-deconvolution")
class UnevenDeconvolution(Rule):
    """The stride of a transposed convolution does not divide its kernel, so its outputs overlap unevenly.

    Along an axis some outputs sum more inputs than their neighbours, which shows as a checkerboard that
    the weights must learn to undo. If the kernel is smaller than the stride, some get none.

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

    about = (ConvTranspose,)
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every transposed convolution with unequal overlaps along some axis."""
        overlaps = {
            id(one.node): self._overlap(one.node) for one in model.layers if isinstance(one.node.layer, ConvTranspose)
        }
        uneven = [placed.node for placed in model.layers if len(set(overlaps.get(id(placed.node), ()))) > 1]
        affected = model.everywhere(uneven)
        for node in uneven:
            few, many = overlaps[id(node)]
            even = _even(node)
            words = " ".join(f"{key}={value}" for key, value in even.items())
            yield self.finding(
                model.placed(node),
                f"outputs overlap unevenly: along an axis some sum {many} inputs, others {few}"
                if few
                else f"some outputs get no input at all, others {many}: the kernel is smaller than the stride",
                "use a kernel that is a multiple of the stride, or `upsample` and a convolution",
                (),
                mend(model, node, affected, f"write {words}", with_arguments(node, even), safe=False),
                few=few,
                many=many,
            )

    def _overlap(self, node: Node) -> tuple[int, int]:
        """The fewest and the most inputs that an output sums, along the axis where they differ most."""
        layer = node.layer
        assert isinstance(layer, ConvTranspose)
        x = node.inputs[0]
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


def _even(node: Node) -> dict[str, str]:
    """A kernel divisible by the stride, with paddings that keep the output size, if one number suffices for each."""
    layer = node.layer
    assert isinstance(layer, ConvTranspose)
    sizes = [set(one) for one in (layer.kernel, layer.stride, layer.padding, layer.output_padding, layer.dilation)]
    if any(len(size) > 1 for size in sizes):
        return {}
    kernel, stride, padding, extra, dilation = (int(size.pop()) for size in sizes)
    larger = -(-kernel // stride) * stride
    grown = larger - kernel + 2 * padding - extra  # what the paddings must remove
    if dilation > 1 or grown < 0:
        return {}
    wanted = {"kernel": str(larger), "padding": str((grown + grown % 2) // 2)}
    return wanted | ({"output_padding": str(grown % 2)} if extra != grown % 2 else {})
