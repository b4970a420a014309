"""GEO209."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule("GEO209", "receptive-field-too-small")
class ReceptiveFieldTooSmall(Rule):
    """Each output of a dense prediction sees only a part of the image.

    Unless a layer mixes all positions (global pooling, `flatten`, attention), a unit sees its receptive
    field. What lies outside has no influence on it, and what lies near its edge has little: the
    effective receptive field is smaller still. That is right for local tasks such as denoising, and too
    little where a pixel's class depends on the whole scene.

    Example:
        model: example
        input: [3, 128, 128]
        layers: [conv 16 kernel=3 padding=1, relu, conv 16 kernel=3 padding=1, relu, conv 5 kernel=1]

    Use instead:
        model: example
        input: [3, 128, 128]
        layers:
          - [conv 16 kernel=3 padding=1, relu]
          - [conv 16 kernel=3 padding=16 dilation=16, relu]
          - [conv 16 kernel=3 padding=48 dilation=48, relu]
          - conv 5 kernel=1

    Reference:
        Luo, Li, Urtasun and Zemel 2017, arXiv:1701.04128.
    """

    severity = "info"
    evidence = "heuristic"
    on = False

    def check(self, model: Model) -> Iterator[Finding]:
        """Every output whose field is smaller than the image along each axis."""
        image = model.only_input
        if image is None or image.rank < 2:
            return
        sizes = [int(size) for size in image.shape[1:]]
        for tensor in model.graph.outputs.values():
            field, node = model.fields.get(id(tensor)), model.producer(tensor)
            if node is None or not isinstance(field, tuple) or len(field) != len(sizes):
                continue
            extents = [axis.size for axis in field]
            if max(extents) > 1 and all(extent < size for extent, size in zip(extents, sizes)):
                yield self.finding(
                    model.placed(node),
                    f"each of these outputs sees {_times(extents)} of the {_times(sizes)} input",
                    "add layers, stride or dilation, or a layer that mixes all positions",
                    field=extents,
                )


def _times(sizes: list[int]) -> str:
    return "×".join(map(str, sizes))
