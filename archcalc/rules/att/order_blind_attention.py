"""ATT601."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.attention import Attention
from archcalc.layers.cutting import Select
from archcalc.layers.layout import FEATURES_LAST
from archcalc.layers.position import ClsToken
from archcalc.layers.sdpa import SDPA
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.model import Model
from archcalc.rules.reading import is_patches


@rule("ATT601", "order-blind-attention")
class OrderBlindAttention(Rule):
    """Attention over tokens or patches in a model that does not know their order.

    Attention sums over positions. Without position embeddings, rotary positions, a mask or a layer that
    runs along the sequence, shuffled tokens give the same vectors, shuffled: the model sees a bag of
    words, or of image patches. Not reported for inputs of numbers that are not images, since a point
    cloud has no order.

    Example:
        model: example
        dims: {seq: 16}
        input: [seq]
        layers:
          - embedding vocab=1000 dim=64
          - attention 4 bias=qvo
          - mean
          - linear 2

    Use instead:
        model: example
        dims: {seq: 16}
        input: [seq]
        layers:
          - embedding vocab=1000 dim=64
          - posembed kind=sinusoidal
          - attention 4 bias=qvo
          - mean
          - linear 2

    Reference:
        Vaswani et al. 2017, arXiv:1706.03762, section 3.5.
    """

    about = (Attention, SDPA)

    def check(self, model: Model) -> Iterator[Finding]:
        """The first attention in a model of tokens or image patches whose layers are all blind to order."""
        start, what = _sequence(model)
        if start is None or start.shape[0] < 2:
            return
        after = [placed for placed in model.layers if not _leads_to(model, placed.node, start)]
        class_token = any(isinstance(placed.node.layer, ClsToken) for placed in after)
        attention = [placed for placed in after if isinstance(placed.node.layer, (Attention, SDPA))]
        if attention and all(_blind(placed.node, class_token) for placed in after):
            yield self.finding(
                attention[0],
                f"no layer knows the order of the {int(start.shape[0])} {what}: shuffling them does not change the result",
                "add `posembed` before the attention, or rope= to it",
                positions=int(start.shape[0]),
            )


def _sequence(model: Model) -> tuple[Tensor | None, str]:
    """The tokens or image patches that a model of one input works on."""
    given = model.only_input
    if given is None:
        return None, ""
    if given.rank == 1 and given.integer:
        return given, "tokens"
    first = model.consumers(given)
    if given.rank != 3 or len(first) != 1 or not is_patches(model, first):
        return None, ""
    node: Node | None = first[0]
    while node is not None and node.exit.rank > 1 and (node.exit.rank, node.exit.layout) != (2, FEATURES_LAST):
        node = model.only_consumer(node)
        if node is not None and (node.layer is None or not node.layer.reorders):
            return None, ""
    return (node.exit, "patches") if node is not None and node.exit.rank == 2 else (None, "")


def _leads_to(model: Model, node: Node, start: Tensor) -> bool:
    """Whether `start` depends on a layer."""
    before = model.producer(start)
    while before is not None and before is not node:
        before = model.producer(before.inputs[0])
    return before is node


def _blind(node: Node, class_token: bool) -> bool:
    """Whether shuffling the positions of a layer's input only shuffles its output."""
    layer = node.layer
    if isinstance(layer, Select):  # the class token's place; any other place would single out a position
        return bool(class_token and layer.index == 0 and layer.axis == 0)
    return layer is not None and layer.blind_to_order(node.exit, *node.inputs)
