"""SHP115."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.network.misread import BATCH_IN_INPUT
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule(BATCH_IN_INPUT, "batch-in-input")
class BatchInInput(Rule):
    """A 3-D convolution reads an input of four axes, the second of which looks like the channels of an image.

    A spec leaves the batch out: `[1, 3, 224, 224]` is one channel of a volume that is three images
    deep. The batch is given on the command line, as `--batch 8`.

    Example:
        model: example
        input: [1, 3, 224, 224]
        layers:
          - conv 16 kernel=3

    Use instead:
        model: example
        input: [3, 224, 224]
        layers:
          - conv 16 kernel=3

    Reference:
        torch.nn.Conv3d, whose input is [N, C, D, H, W].
    """

    def check(self, model: Model) -> Iterator[Finding]:
        """Every input [N, 1, H, W] or [N, 3, H, W] that a 3-D convolution reads."""
        for found in model.misread:
            if found.code == self.code:
                yield self.finding(
                    found.place, found.message, found.help, found.notes, depth=int(found.node.inputs[0].shape[1])
                )
