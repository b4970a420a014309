"""GEO202."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Note
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model
from archcalc.rules.windows import space


@rule("GEO202", "stride-exceeds-kernel")
class StrideExceedsKernel(Rule):
    """Windows with gaps between them: what lies in the gaps is computed and never read.

    A 1×1 convolution of stride 2 reads a quarter of the image. It is counted over all layers that
    read the same tensor: beside a 3×3 convolution that reads everything, nothing is lost.

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

    def check(self, model: Model) -> Iterator[Finding]:
        """Every tensor that only windows read, and not everywhere between the first and the last."""
        for reading in model.readings:
            unread, first = reading.spanned - reading.read, reading.readers[0]
            if unread <= 0:
                continue
            yield self.finding(
                model.placed(first),
                f"{unread:,} of the {space(reading.tensor)} pixels ({unread / reading.total:.1%}) are never read: "
                "they lie in gaps between the windows",
                "use a kernel at least as large as the stride, or pool before",
                tuple(Note("the same tensor is read here", other.place) for other in reading.readers[1:]),
                unread=unread,
                total=reading.total,
            )
