"""GEO210."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.convolution import Conv
from archcalc.layers.field import Field
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model, Placed


@rule("GEO210", "unproductive-layers")
class UnproductiveLayers(Rule):
    """Convolutions whose input already sees the whole image.

    Such a layer cannot combine any more of the image. Studies found that layers past this point
    often add little accuracy; on small images, deep networks have many of them. The finding is reported
    at the first.

    Example:
        model: example
        input: [3, 32, 32]
        layers:
          - [conv 64 kernel=7 stride=2 padding=3, maxpool kernel=3 stride=2 padding=1, relu]
          - {repeat: 6, layers: [conv 64 kernel=3 padding=1, relu]}
          - [conv 128 kernel=3 padding=1, relu]

    Use instead:
        model: example
        input: [3, 128, 128]
        layers:
          - [conv 64 kernel=7 stride=2 padding=3, maxpool kernel=3 stride=2 padding=1, relu]
          - {repeat: 6, layers: [conv 64 kernel=3 padding=1, relu]}
          - [conv 128 kernel=3 padding=1, relu]

    Reference:
        Richter, Byttner, Krumnack, Wiedenroth, Schallner and Shenk 2021, arXiv:2106.12307.
    """

    severity = "info"
    evidence = "heuristic"
    on = False

    def check(self, model: Model) -> Iterator[Finding]:
        """The first convolution with a kernel above 1 whose input already sees the whole image."""
        image = model.only_input
        if image is None or image.rank < 2:
            return
        sizes = image.shape[1:]
        for placed in model.layers:
            field = model.fields.get(id(placed.node.inputs[0])) if isinstance(placed.node.layer, Conv) else None
            if not isinstance(field, tuple) or len(field) != len(sizes) or _pointwise(placed.node):
                continue
            if all(axis.size > size for axis, size in zip(field, sizes)):
                yield self._found(placed, field)
                return

    def _found(self, placed: Placed, field: tuple[Field, ...]) -> Finding:
        extent = "×".join(str(axis.size) for axis in field)
        return self.finding(
            placed,
            f"the input of this convolution already sees {extent} pixels, the whole image",
            "use fewer layers, less stride, or larger images",
            field=[axis.size for axis in field],
        )


def _pointwise(node: Node) -> bool:
    return isinstance(node.layer, Conv) and max(node.layer.kernel) == 1
