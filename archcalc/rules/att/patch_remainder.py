"""ATT605."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model
from archcalc.rules.reading import is_patches, readings
from archcalc.rules.windows import fixed, space


@rule("ATT605", "patch-remainder")
class PatchRemainder(Rule):
    """The patches do not cover the image: its right and bottom edges are never read.

    A convolution as wide as its stride cuts the image into patches. If the patch size does not divide
    the image, the remainder belongs to no token.

    Example:
        model: example
        input: [3, 230, 230]
        layers:
          - conv 192 kernel=16 stride=16
          - rearrange 'c h w -> (h w) c'
          - [posembed, layernorm]

    Use instead:
        model: example
        input: [3, 224, 224]
        layers:
          - conv 192 kernel=16 stride=16
          - rearrange 'c h w -> (h w) c'
          - [posembed, layernorm]

    Reference:
        Dosovitskiy et al. 2020, arXiv:2010.11929, section 3.1.
    """

    def check(self, model: Model) -> Iterator[Finding]:
        """Every such convolution whose image has a remainder."""
        for reading in model.asked(readings):
            unread = reading.total - reading.spanned
            if unread and fixed(reading.tensor) and is_patches(model, reading.readers):
                node = reading.readers[0]
                yield self.finding(
                    model.placed(node),
                    f"{unread:,} of the {space(reading.tensor)} pixels ({100 * unread / reading.total:.1f} %) "
                    f"are in none of the {space(node.exit)} patches",
                    "make the image a multiple of the patch",
                    unread=unread,
                    total=reading.total,
                )
