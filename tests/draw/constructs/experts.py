"""Mixtures of experts."""

from __future__ import annotations

from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.tensor import Tensor
from tests.draw.choices import Choices
from tests.draw.constructs import construct
from tests.draw.items import Body, Item
from tests.draw.network import Network

_KINDS = ["linear", "relu", "gelu", "layernorm", "silu", "dropout", "rmsnorm", "scale"]


@construct(for_images=False)
def moe(network: Network, at: Choices) -> bool:
    """A mixture of experts, whose layers see one position."""
    x = network.tensor
    if x is None or x.integer or x.layout == CHANNELS_FIRST:
        return False
    drawn = [network.layer(at / number, Tensor((x.shape[-1],)), _KINDS) for number in range(at.whole("layers", 1, 3))]
    body: Body = [item for item in drawn if item is not None]
    if at.chance("gated", 0.3):
        gate: Body = [Item("linear", {"features": 4}), Item("silu")]
        body = [Item("mul", {"operands": [gate, [Item("linear", {"features": 4})]]}), *body]
    if at.chance("residual", 0.3):
        body = [Item("residual", {"layers": [Item("linear", {"features": "cin"})]}), *body]
    vectors = [
        name
        for name, tensor in network.named().items()
        if tensor.rank == 1 and tensor.shape == x.shape[-1:] and not tensor.integer
    ]
    if vectors and at.chance("vector", 0.5):
        body = [Item("add", {"operands": ["prev", at.pick("name", vectors)]}), *body]
    experts = at.whole("experts", 1, 4)
    item = Item("moe", {"experts": experts, "top_k": at.whole("top_k", 1, experts), "layers": body})
    if at.chance("biased", 0.3):
        item.keys["bias"] = True
    if at.chance("repeated", 0.3):
        item.common["repeat"] = 2
    return network.add(item)
