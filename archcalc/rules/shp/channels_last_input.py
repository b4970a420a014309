"""SHP114."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.network.misread import CHANNELS_LAST_INPUT
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule(CHANNELS_LAST_INPUT, "channels-last-input")
class ChannelsLastInput(Rule):
    """A convolution reads an input that looks like an image with its channels last.

    Images are [channels, height, width] here, as in PyTorch; TensorFlow, NumPy and image files put the
    channels last. The convolution would then take the rows for channels, and its window would move over
    one or three columns.

    Example:
        model: example
        input: [32, 32, 3]
        layers:
          - conv 16 kernel=3

    Use instead:
        model: example
        input: [3, 32, 32]
        layers:
          - conv 16 kernel=3

    Reference:
        torch.nn.Conv2d, whose input is [N, C, H, W].
    """

    def check(self, model: Model) -> Iterator[Finding]:
        """Every input with one or three entries on its last axis and more on all others, where a convolution reads it."""
        for found in model.misread:
            if found.code == self.code:
                yield self.finding(
                    found.place, found.message, found.help, found.notes, channels=int(found.node.inputs[0].shape[0])
                )
