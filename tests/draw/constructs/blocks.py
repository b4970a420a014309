"""Blocks, their calls, and layers with the weights of earlier ones."""

from __future__ import annotations

import copy

from archcalc.layers import REGISTRY
from tests.draw.choices import Choices
from tests.draw.constructs import construct, segment
from tests.draw.items import Body, Item, outer_references, renamed, text, walk
from tests.draw.network import Network


@construct()
def block(network: Network, at: Choices) -> bool:
    """A new block of some layers; numbers and tensors from around become arguments."""
    body = segment(network, at / "body", 4)
    if not body:
        return False
    given: dict[str, object] = {}
    for reference in outer_references(body):
        argument = f"t{len(given) + 1}"
        given[argument] = reference
        for item in walk(body):
            item.replace(lambda name, old=reference, new=argument: new if name == old else name)
    network.drawn.used["tensor argument"] += bool(given)
    _name_numbers(body, given, at / "numbers")
    parameters = list(given)
    last = parameters[-1] if parameters else ""
    if last.startswith("a") and at.chance("default", 0.4):
        parameters[-1] += f"={text(given.pop(last))}"
        network.drawn.used["default"] += 1
    network.drawn.used["block in a block"] += any(item.op in network.drawn.blocks for item in walk(body))
    return network.add(_call(network, at, network.new_block(parameters, body), given))


def _name_numbers(body: Body, given: dict[str, object], at: Choices) -> None:
    """Put arguments for some constants of a block's layers."""
    for number, item in enumerate(walk(body)):
        for key, value in item.keys.items():
            plain = isinstance(value, (int, float)) or (isinstance(value, str) and value.replace("x", "").isdigit())
            if plain and item.op in REGISTRY and at.chance(f"{number}/{key}", 0.3):
                argument = f"a{len(given) + 1}"
                given[argument], item.keys[key] = value, argument


def _call(network: Network, at: Choices, name: str, given: dict[str, object]) -> Item:
    item = Item(name, network.written(at / "written", given))
    if at.chance("named", 0.4):
        item.common["name"] = network.new_name()
    if at.chance("repeated", 0.4):
        item.common["repeat"] = at.whole("repeat", 1, 3)
    return item


@construct(weight=3, nests=False)
def again(network: Network, at: Choices) -> bool:
    """Another call of a block, with other numbers or tensors, or tied to an earlier one."""
    calls = [item for item in network.items if item.op in network.drawn.blocks]
    if not calls:
        return False
    earlier = at.random("call").choice(calls)
    item = Item(earlier.op, dict(earlier.keys))
    name = earlier.common.get("name")
    if name and at.chance("tied", 0.5):
        item.common["tie"] = name
        item.common |= at.given(0.3, repeat=2)
        return network.add(item) or network.add(item)
    for key, value in item.keys.items():
        place = at / key
        if isinstance(value, bool):
            item.keys[key] = place.chance("flag", 0.5)
        elif isinstance(value, int) and place.chance("number", 0.7):
            item.keys[key] = max(1, value + place.pick("more", [-1, 1, 2, value]))
        elif isinstance(value, str) and value in network.named() and place.chance("tensor", 0.5):
            item.keys[key] = place.pick("name", [*network.named(), "prev"])
    if at.chance("elsewhere", 0.3):
        item.common["from"] = at.pick("from", [*network.named()])
    if at.chance("named", 0.4):
        item.common["name"] = network.new_name()
    return network.add(item)


@construct(weight=3, nests=False)
def tie(network: Network, at: Choices) -> bool:
    """A layer with the weights of an earlier one; some arguments may differ."""
    targets = [item for item in network.items if "name" in item.common and "repeat" not in item.common]
    if not targets:
        return False
    target = at.random("target").choice(targets)
    (item,) = renamed([Item(target.op, copy.deepcopy(target.keys))], network.new_name)
    if target.op == "embedding" and at.chance("output", 0.7):
        item = Item("linear", {"features": target.keys["vocab"], "bias": at.chance("bias", 0.5)})
    if target.op in ("conv", "maxpool") and at.chance("padded", 0.4):
        item.keys["padding"] = 2
    if target.op == "batchnorm" and at.chance("eps", 0.5):
        item.keys["eps"] = 0.1
    item.common = {"tie": target.common["name"], **at.given(0.3, name=network.new_name(), repeat=2)}
    if at.chance("elsewhere", 0.3):
        item.common["from"] = at.pick("from", [*network.named()])
    return network.add(item)
