"""Sequences through a recurrence that each position steers."""

from __future__ import annotations

from archcalc.layers.layout import CHANNELS_FIRST
from tests.draw.choices import Choices
from tests.draw.constructs import construct
from tests.draw.items import Item
from tests.draw.network import Network


@construct(weight=0.6, for_images=False)
def selective_scan(network: Network, at: Choices) -> bool:
    """A state space model: what steers it is computed from the sequence, by layers or as parts of one."""
    x = network.tensor
    if x is None or x.rank != 2 or x.layout == CHANNELS_FIRST or x.integer is not False or x.shape[0] > 12:
        return False
    source, dt, b, c, inner = (network.new_name() for _ in range(5))
    channels, groups, state = 2 * at.whole("channels", 1, 4), at.whole("groups", 1, 2), at.whole("state", 1, 3)
    heads = groups * at.pick("heads", [1, channels // 2]) if at.chance("by head", 0.5) else None
    heads = None if heads and channels % heads else heads
    items = [
        Item("identity", {}, {"name": source}),
        Item("linear", {"features": heads or channels}),
        Item("softplus", {}, {"name": dt}),
    ]
    if at.chance("parts", 0.5):
        parts = network.new_name()
        items += [
            Item("linear", {"features": 2 * groups * state}, {"from": source}),
            Item("split", {"parts": 2}, {"name": parts}),
        ]
        b, c = f"{parts}.0", f"{parts}.1"
    else:
        items += [Item("linear", {"features": groups * state}, {"from": source, "name": name}) for name in (b, c)]
    keys = {"dt": dt, "b": b, "c": c, **at.given(0.4, skip=False)}
    keys |= {"groups": groups} if groups > 1 else {}
    keys |= {"heads": heads} if heads else {}
    items += [
        Item("linear", {"features": channels}, {"from": source, "name": inner}),
        Item("selectivescan", keys, {"from": inner}),
    ]
    return network.add(*items)
