"""Layers that contain lists of layers: residual, repeat, and the operands of sums."""

from __future__ import annotations

from archcalc.layers import REGISTRY
from archcalc.layers.operands import Operands
from tests.draw.choices import Choices
from tests.draw.constructs import construct, segment
from tests.draw.items import Item, renamed
from tests.draw.network import Network

# How many operands each layer that merges takes, where it is a certain number.
_MERGES = {
    op: operands.max
    for op, cls in REGISTRY.items()
    if cls.family == "merge" and isinstance(operands := cls.arguments.get("operands"), Operands)
}


@construct()
def residual(network: Network, at: Choices) -> bool:
    """x + f(x), with a shortcut where the shape changes."""
    body = segment(network, at / "body", 3)
    if not body:
        return False
    item = Item("residual", {"layers": body})
    if at.chance("named", 0.4):
        item.common["name"] = network.new_name()
    if at.chance("repeated", 0.3):
        item.common["repeat"] = at.whole("repeat", 2, 3)
    if network.add(item):
        return True
    item.common.pop("repeat", None)
    item.keys["shortcut"] = renamed(body, network.new_name)
    network.drawn.used["shortcut"] += 1
    return network.add(item)


@construct()
def repeat(network: Network, at: Choices) -> bool:
    """Copies of a list of layers."""
    body = segment(network, at / "body", 3)
    if not body:
        return False
    item = Item("repeat", {"count": at.pick("count", [1, 2, 3, 4, "h2"]), "layers": body})
    if at.chance("named", 0.4):
        item.common["name"] = network.new_name()
        network.drawn.used["named copies"] += 1
    return network.add(item)


@construct(weight=0.7)
def turns(network: Network, at: Choices) -> bool:
    """Copies of a list of layers, with a value of their own in each."""
    body = segment(network, at / "body", 3)
    numbers = [
        (item, key)
        for item in body or []
        for key, value in item.keys.items()
        if isinstance(value, int) and not isinstance(value, bool)
    ]
    if not body or not numbers:
        return False
    item, key = numbers[at.whole("key", 0, len(numbers) - 1)]
    value, name = item.keys[key], network.new_name()
    others = [at.pick(f"value {turn}", [value, 1, 2, 4, "h2"]) for turn in range(at.whole("turns", 0, 2))]
    item.keys[key] = name
    counted = at.chance("counted", 0.3) and value in (0, 1)
    values = len(others) + 1 if counted else f"[{', '.join(map(str, [value, *others]))}]"
    return network.add(Item("repeat", {"count": f"{{{name}: {values}}}", "layers": body}))


@construct(weight=2)
def merge(network: Network, at: Choices) -> bool:
    """add, mul, concat and others of names and lists of layers."""
    x = network.tensor
    if x is None:
        return False
    op = at.pick("op", {op: 1 if most is None else 0.3 for op, most in _MERGES.items()})
    alike = [name for name, tensor in network.named().items() if tensor.rank == x.rank]
    operands: list[object] = []
    for number in range(_MERGES[op] or at.whole("operands", 2, 3)):
        place = at / number
        kind = place.pick("kind", {"name": 3 if alike else 0, "prev": 1.2, "list": 1.8})
        if kind == "name":
            operands.append(place.pick("name", alike))
        else:
            operands.append((kind == "list" and segment(network, place, 2)) or "prev")
    item = Item(op, {"operands": operands})
    if op == "concat" and at.chance("axed", 0.5):
        item.keys["axis"] = at.whole("axis", -x.rank, x.rank - 1)
    if at.chance("named", 0.3):
        item.common["name"] = network.new_name()
    if at.chance("repeated", 0.3):
        item.common["repeat"] = at.whole("repeat", 2, 3)
        network.drawn.used["growing"] += op == "concat"
    return network.add(item)
