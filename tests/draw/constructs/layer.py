"""A single layer, or a new number for later ones."""

from __future__ import annotations

from tests.draw.choices import Choices
from tests.draw.constructs import construct
from tests.draw.network import Network


@construct(weight=8, nests=False)
def layer(network: Network, at: Choices) -> bool:
    """One layer, sometimes named, repeated, or starting from another tensor."""
    x, source = network.tensor, None
    if x is None or (network.named() and at.chance("elsewhere", 0.15)):
        known = network.named() or {name: network.input(name) for name in network.drawn.inputs}
        source = at.pick("source", [*known])
        x = known[source]
    item = network.layer(at, x)
    if item is None:
        return False
    if source:
        item.common["from"] = source
    if at.chance("named", 0.45):
        item.common["name"] = network.new_name()
    if at.chance("repeated", 0.1):
        item.common["repeat"] = at.pick("repeat", [1, 2, 3, "h2", 0])
    return network.add(item)


@construct(weight=0.4, nests=False)
def hparam(network: Network, at: Choices) -> bool:
    """A new hparam, for later expressions."""
    hparams = network.drawn.hparams
    if len(hparams) > 4:
        return False
    hparams[f"h{len(hparams) + 1}"] = at.whole("value", 1, 8)
    return True
