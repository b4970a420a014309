"""GRF704."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers import REGISTRY
from archcalc.network.graph import walk
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule("GRF704", "block-hides-layer")
class BlockHidesLayer(Rule):
    """A block has the name of a layer, so every line with that name means the block.

    Readers who know the layer expect the layer, and it can no longer be used in this spec, not even
    inside the block. Blocks take precedence so that a spec keeps its meaning when the language gets a
    layer of the same name.

    Example:
        model: example
        input: [3, 32, 32]
        blocks:
          relu: [gelu]
        layers:
          - [conv 16 kernel=3, relu]

    Use instead:
        model: example
        input: [3, 32, 32]
        blocks:
          act: [gelu]
        layers:
          - [conv 16 kernel=3, act]

    Reference:
        The spec language: blocks are looked up before layers.
    """

    def check(self, model: Model) -> Iterator[Finding]:
        """Each block that has the name of a layer, and how often it is used."""
        for name, block in model.graph.document.blocks.items():
            if name in REGISTRY:
                calls = sum(node.op == name for node, _, _ in walk(model.graph.nodes))
                yield self.finding(
                    block.name,
                    f"`{name}` is a block here, not the layer: called {calls:,}×",
                    "give the block another name",
                    calls=calls,
                )
