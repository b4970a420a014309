"""GEO204."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model
from archcalc.rules.windows import fixed


@rule("GEO204", "one-sided-padding")
class OneSidedPadding(Rule):
    """Padding is added on both sides, but the windows reach only the left one.

    The output size is rounded down, so no window reaches the padding on the right and at the bottom: all
    outputs are shifted half a pixel to the left. Classification does not suffer from it. Where
    positions matter, as in segmentation, the shifts of several layers add up.

    Example:
        model: example
        input: [3, 224, 224]
        layers: [conv 64 kernel=3 stride=2 padding=1, relu]

    Use instead:
        model: example
        input: [3, 225, 225]
        layers: [conv 64 kernel=3 stride=2 padding=1, relu]

    Reference:
        The formula for the output size in torch.nn.Conv2d: it rounds down.
    """

    severity = "info"
    on = False

    def check(self, model: Model) -> Iterator[Finding]:
        """Every convolution and pooling with a stride whose last window ends before the padding."""
        for placed in model.layers:
            found = model.windows(placed.node)
            if not found or not fixed(placed.node.inputs[0]):
                continue
            rests = [w.size + 2 * w.padding - (w.out - 1) * w.stride - w.reach for w in found]
            unread = max((min(rest, w.padding) for rest, w in zip(rests, found) if w.stride > 1), default=0)
            if unread > 0:
                padding = max(w.padding for w in found)
                yield self.finding(
                    placed,
                    f"the padding at the end is never read: {unread} of {padding} row{'s' * (padding > 1)}",
                    "choose the size so that the stride divides size + 2·padding − kernel",
                    unread=unread,
                )
