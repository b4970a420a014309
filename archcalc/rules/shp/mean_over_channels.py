"""SHP116."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.network.misread import MEAN_OVER_CHANNELS
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule(MEAN_OVER_CHANNELS, "mean-over-channels")
class MeanOverChannels(Rule):
    """A mean over the channels of an image or signal comes before a linear layer.

    `mean` is over axis 0 unless another is given. That is right for [positions, features], but takes
    the channels of [channels, height, width]: what is left are pixels, and the linear layer acts on
    columns. A global average pool was probably meant, which leaves one number for each channel. A mean
    that keeps its axis, as in spatial attention, is not reported.

    Example:
        model: example
        input: [3, 56, 56]
        layers:
          - [conv 8 kernel=3 padding=1, relu, mean, linear 10]

    Use instead:
        model: example
        input: [3, 56, 56]
        layers:
          - [conv 8 kernel=3 padding=1, relu, mean axis=1x2, linear 10]

    Reference:
        Lin et al. 2014, Network in Network, section 3.2: global average pooling.
    """

    def check(self, model: Model) -> Iterator[Finding]:
        """Every mean over the channels whose result a linear layer reads."""
        for found in model.misread:
            if found.code == self.code:
                placed = model.placed(found.node)
                yield self.finding(
                    placed, found.message, found.help, found.notes, channels=int(found.node.inputs[0].shape[0])
                )
