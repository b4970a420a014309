"""PRM305."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.diagnostics import Note
from archcalc.layers.base import Layer
from archcalc.layers.convolution import Conv
from archcalc.layers.dense import Linear
from archcalc.layers.regularization import Dropping
from archcalc.layers.shape import Identity
from archcalc.network.graph import Node
from archcalc.quantity import product
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model


@rule("PRM305", "stacked-affine-layers")
class StackedAffineLayers(Rule):
    """Two linear layers with nothing between them: one could do the same.

    The product of two matrices is a matrix. Without an activation between them the second layer adds
    weights and work, but nothing that one layer could not compute; a dropout between them does nothing
    at inference. Not reported where the width between them is smaller than at both ends: such a
    bottleneck saves parameters.

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
        """Every pair of linear layers, or of convolutions of which one is 1×1, and every stack of equal linear layers."""
        for node, copies in _stacks(model.graph.nodes):
            own = sum(int(product(shape)) for shape in node.params.values())
            if node in model.consumers(node.exit) and not model.shares(node):
                yield self.finding(
                    model.placed(node),
                    f"{copies} `linear` without an activation between them are one linear map: "
                    f"{copies * own:,} parameters where {own:,} do the same",
                    "put an activation between them, or write one layer",
                    parameters=copies * own,
                    merged=own,
                )
        for placed in model.layers:
            node = placed.node
            if not isinstance(node.layer, (Linear, Conv)) or "weight" not in node.params:
                continue
            after = model.only_consumer(node, _between)
            if after is None or "weight" not in after.params or model.shares(node) or model.shares(after):
                continue
            merged = _merged(node, after)
            both = sum(int(product(shape)) for one in (node, after) for shape in one.params.values())
            if merged is None or merged > both:
                continue
            yield self.finding(
                model.placed(after),
                f"`{node.op}` and `{after.op}` without an activation between them are one linear map: "
                f"{both:,} parameters where {merged:,} do the same",
                "put an activation between them, or write one layer",
                (Note("the first of the two", node.place),),
                parameters=both,
                merged=merged,
            )


def _stacks(nodes: list[Node], copies: int = 1) -> Iterator[tuple[Node, int]]:
    """Linear layers whose copies each read the previous one, with the number of copies in a row."""
    for node in nodes:
        row = (copies if len(nodes) == 1 else 1) * node.copies
        if node.layer is None or node.children:
            yield from _stacks(node.children, row if node.layer is None and not node.unfolded else 1)
        elif isinstance(node.layer, Linear) and row > 1:
            yield node, row


def _merged(first: Node, second: Node) -> int | None:
    """The number of parameters of the single layer that can replace the two, if there is one."""
    a, b = first.layer, second.layer
    if type(a) is not type(b) or first.copies > 1 or second.copies > 1:
        return None
    weights = [one.params["weight"][:: -1 if getattr(one.layer, "transposed", False) else 1] for one in (first, second)]
    inner, out = (int(weight[0]) for weight in weights)
    seen, reached, taps = int(product(weights[0][1:])), out, 1
    if isinstance(a, Conv) and isinstance(b, Conv):
        if a.groups != 1 or b.groups != 1:
            return None
        if not _pointwise(second):
            # a bias before zero padding cannot be part of the single layer
            if not _pointwise(first) or (a.bias and b.pads_zeros(second.inputs[0])):
                return None
            taps = int(product(second.params["weight"][2:]))
            reached = out * taps
    if inner < min(seen, reached):
        return None
    return seen * out * taps + (out if "bias" in first.params or "bias" in second.params else 0)


def _pointwise(node: Node) -> bool:
    layer = node.layer
    assert isinstance(layer, Conv)
    borders = layer.borders(node.inputs[0])
    return set(layer.kernel) == {1} and set(layer.stride) == {1} and not any(any(border) for border in borders)


def _between(layer: Layer) -> bool:
    return isinstance(layer, (Identity, Dropping))
