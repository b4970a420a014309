"""GEO211."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.convolution import Conv
from archcalc.layers.pooling import Pooling
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model
from archcalc.rules.reading import is_patches
from archcalc.rules.windows import space

_STEP = 8  # step between positions, in pixels of the input
_CONVOLUTIONS = 2


@rule("GEO211", "early-downsampling")
class EarlyDownsampling(Rule):
    """One or two convolutions shrink the image to an eighth of its size along each axis.

    What these convolutions have not put into channels is lost, and all later layers work on few
    positions. Where accuracy matters more than time, downsample later.

    Example:
        model: example
        input: [3, 224, 224]
        layers:
          - [conv 64 kernel=11 stride=4 padding=2, maxpool kernel=3 stride=2, relu]
          - [conv 128 kernel=3 padding=1, relu]

    Use instead:
        model: example
        input: [3, 224, 224]
        layers:
          - [conv 64 kernel=7 stride=2 padding=3, maxpool kernel=2, relu]
          - [conv 128 kernel=3 padding=1, relu]

    Reference:
        Iandola et al. 2016, arXiv:1602.07360, section 3.1 (downsample late).
    """

    severity = "info"
    evidence = "heuristic"
    on = False

    def check(self, model: Model) -> Iterator[Finding]:
        """The first layer with that step, if at most two convolutions lead to it and it does not make patches."""
        image = model.only_input
        if image is None or image.rank < 2:
            return
        convolutions = 0
        for placed in model.layers:
            node = placed.node
            convolutions += isinstance(node.layer, Conv)
            field = model.fields.get(id(node.exit))
            if convolutions > _CONVOLUTIONS or not isinstance(field, tuple):
                return
            if field and min(axis.step for axis in field) >= _STEP:
                if convolutions and isinstance(node.layer, (Conv, Pooling)) and not is_patches(model, [node]):
                    yield self.finding(
                        placed,
                        f"the {space(image)} input is {space(node.exit)} after "
                        f"{convolutions} convolution{'s' * (convolutions > 1)}",
                        "use less stride here, and more in later layers",
                        convolutions=convolutions,
                        step=min(int(axis.step) for axis in field),
                    )
                return
