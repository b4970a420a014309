"""PRM305."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archcalc.diagnostics import Note
from archcalc.network.graph import Node
from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule("PRM305", "stacked-affine-layers")
class StackedAffineLayers(Rule):
    """Two linear maps with nothing between them: one of them could do the same.

    A product of two matrices is a matrix. Without an activation between them the second layer adds
    weights and work but no function that one layer alone could not have. Silent where the width
    between them is smaller than at both ends: such a bottleneck saves parameters.

    Example:
        model: example
        input: [100]
        layers: [linear 400, linear 10]

    Use instead:
        model: example
        input: [100]
        layers: [linear 400, relu, linear 10]

    Reference:
        Goodfellow, Bengio and Courville 2016, Deep learning, section 6.1.
    """

    def check(self, model: Model) -> Iterator[Finding]:
        """Every pair of linear layers, or of a convolution and a 1×1 convolution."""
        for placed in model.layers:
            node = placed.node
            after = model.only_consumer(node)
            if after is None or model.shares(node) or model.shares(after):
                continue
            merged = _merged(node, after)
            if merged is None:
                continue
            both = sum(int(product(shape)) for one in (node, after) for shape in one.params.values())
            yield self.finding(
                model.placed(after),
                f"`{node.op}` and `{after.op}` without an activation between them are one linear map: "
                f"{both:,} parameters where {merged:,} do the same",
                "put an activation between them, or write one layer",
                (Note("the first of the two", node.place),),
                parameters=both,
                merged=merged,
            )


def _merged(first: Node, second: Node) -> int | None:
    """The parameters of the one layer that can be whatever the two can, if it exists and is no larger."""
    a: Any = first.layer
    b: Any = second.layer
    if first.op != second.op or first.op not in ("linear", "conv") or first.copies > 1 or second.copies > 1:
        return None
    x, inner, out = first.inputs[0], first.params["weight"][0], second.params["weight"][0]
    if first.op == "linear":
        seen = int(x.shape[-1])
    elif a.groups != 1 or b.groups != 1 or not _pointwise(second):
        return None
    else:
        seen = int(product(first.params["weight"][1:]))
    if inner < min(seen, out):
        return None
    return int(seen * out + (out if a.bias or b.bias else 0))


def _pointwise(node: Node) -> bool:
    layer: Any = node.layer
    return set(layer.kernel) == {1} and set(layer.stride) == {1} and layer.padding in ("same", (0,), (0, 0), (0, 0, 0))
