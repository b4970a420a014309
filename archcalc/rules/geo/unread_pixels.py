"""GEO201."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model
from archcalc.rules.reading import is_patches, readings
from archcalc.rules.windows import fixed, space


@rule("GEO201", "unread-pixels")
class UnreadPixels(Rule):
    """No window reaches the pixels at the right and bottom edges.

    If the stride does not divide size + 2·padding − kernel, the output size is rounded down, and the
    elements that are left over get no gradient and have no influence on the output. Padding does not count, nor
    do elements that another layer reads.

    Example:
        model: example
        input: [3, 224, 224]
        layers: [conv 96 kernel=11 stride=4, relu]

    Use instead:
        model: example
        input: [3, 227, 227]
        layers: [conv 96 kernel=11 stride=4, relu]

    Reference:
        The formula for the output size in torch.nn.Conv2d: it rounds down.
    """

    def check(self, model: Model) -> Iterator[Finding]:
        """Every tensor that only windows read, but not to its end."""
        for reading in model.asked(readings):
            unread, first = reading.total - reading.spanned, reading.readers[0]
            if not unread or not fixed(reading.tensor) or is_patches(model, reading.readers):
                continue
            yield self.finding(
                model.placed(first),
                f"{unread:,} of the {space(reading.tensor)} pixels ({100 * unread / reading.total:.1f} %) are never read: "
                "the last windows do not reach the edge",
                "choose the padding, or the input size, so that the stride divides size + 2·padding − kernel",
                unread=unread,
                total=reading.total,
            )
