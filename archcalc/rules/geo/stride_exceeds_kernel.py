"""GEO202."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Note
from archcalc.layers.convolution import Conv
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import with_arguments
from archcalc.rules.mending import mend
from archcalc.rules.model import Model
from archcalc.rules.reading import readings
from archcalc.rules.windows import space


@rule("GEO202", "stride-exceeds-kernel")
class StrideExceedsKernel(Rule):
    """The windows leave gaps, and what lies in the gaps is computed and never read.

    A 1×1 convolution with stride 2 reads a quarter of the image. All layers that read the same tensor
    are counted together: beside a 3×3 convolution that reads everything, nothing is lost.

    Example:
        model: example
        input: [64, 56, 56]
        layers: [conv 128 kernel=1 stride=2]

    Use instead:
        model: example
        input: [64, 56, 56]
        layers: [conv 128 kernel=3 stride=2 padding=1]

    Reference:
        He et al. 2018, arXiv:1812.01187, section 4 (ResNet-B and ResNet-D).
    """

    about = (Conv,)
    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every tensor that only windows read, and not everywhere between the first and the last."""
        gaps = [reading for reading in model.asked(readings) if reading.spanned > reading.read]
        affected = model.everywhere(reading.readers[0] for reading in gaps)
        for reading in gaps:
            unread, first = reading.spanned - reading.read, reading.readers[0]
            wider = _wider(first)
            yield self.finding(
                model.placed(first),
                f"{unread:,} of the {space(reading.tensor)} pixels ({100 * unread / reading.total:.1f} %) are never read: "
                "they lie in gaps between the windows",
                "use a kernel at least as large as the stride, or pool first",
                tuple(Note("the same tensor is read here", other.place) for other in reading.readers[1:]),
                mend(model, first, affected, f"write {_words(wider)}", with_arguments(first, wider), safe=False),
                unread=unread,
                total=reading.total,
            )


def _wider(node: Node) -> dict[str, str]:
    """A kernel as large as the stride, with padding that keeps the output size, if one number suffices for each."""
    layer = node.layer
    if not isinstance(layer, Conv) or isinstance(layer.padding, str) or set(layer.dilation) != {1}:
        return {}
    sizes = [set(layer.kernel), set(layer.stride), set(layer.padding)]
    if any(len(size) > 1 for size in sizes):
        return {}
    kernel, stride, padding = (int(size.pop()) for size in sizes)
    more = -((kernel - stride) // 2)
    return {"kernel": str(kernel + 2 * more), "padding": str(padding + more)}


def _words(arguments: dict[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in arguments.items())
