"""Layers with several outputs: states of recurrent layers, parts of a split."""

from __future__ import annotations

from archcalc.layers.layout import CHANNELS_FIRST
from tests.draw.choices import Choices
from tests.draw.constructs import construct
from tests.draw.items import Item
from tests.draw.layers.recurrent import is_short
from tests.draw.network import Network


@construct(for_images=False)
def states(network: Network, at: Choices) -> bool:
    """A recurrent layer that starts from the state of another, and its further outputs."""
    x = network.tensor
    if x is None or x.rank != 2 or x.integer or x.layout == CHANNELS_FIRST or not is_short(x):
        return False
    op = at.pick("op", ["rnn", "lstm", "gru"])
    keys = {"hidden": at.pick("hidden", [3, 4]), **at.given(0.4, layers=2, bidirectional=True, bias=False)}
    first, second = network.new_name(), network.new_name()
    giver = Item(op, dict(keys), {"name": first})
    reader = Item(op, {**keys, "state": first}, {"name": second})
    if op != "lstm" and at.chance("output as state", 0.3):
        reader.keys["state"] = f"{first}.h"
    inside = at.pick("inside", {"": 4, "block": 3, "repeat": 2, "copies": 1})
    if inside == "block":
        name = network.new_block([], [Item("dropout"), Item(op, dict(keys))])
        giver = Item(name, {}, {"name": first, **at.given(0.3, repeat=2)})
    elif inside == "repeat":
        giver = Item("repeat", {"count": 2, "layers": [Item("tanh"), Item(op, dict(keys))]}, {"name": first})
    elif inside == "copies":
        giver.common["repeat"] = 2
    if at.chance("readers", 0.3):
        reader.common["repeat"] = 2
    items = [giver, reader]
    if at.chance("further", 0.5):
        output = at.pick("output", ["h", "last", "c"] if op == "lstm" else ["h", "last"])
        further = Item("linear", {"features": 4}) if at.chance("weights", 0.5) else Item("relu")
        further.common["from"] = f"{at.pick('of', [first, second])}.{output}"
        network.drawn.used["further output"] += 1
        items.append(further)
    return network.add(*items)


@construct(weight=0.7)
def parts(network: Network, at: Choices) -> bool:
    """Parts of a split, joined again in another order."""
    x = network.tensor
    if x is None:
        return False
    name = network.new_name()
    axis = at.whole("axis", 0, x.rank - 1)
    most = min(12, int(x.shape[axis]))
    count = at.pick("parts", [d for d in range(1, most + 1) if most % d == 0])
    chosen: list[object] = [
        f"{name}.{at.whole(f'part {number}', 0, count - 1)}" for number in range(at.whole("operands", 2, 3))
    ]
    split = Item("split", {"parts": count, "axis": axis}, {"name": name})
    if at.chance("block", 0.3):
        inner = Item("split", {"parts": count, "axis": axis})
        split = Item(network.new_block([], [Item("identity"), inner]), {}, {"name": name})
    return network.add(split, Item(at.pick("op", ["add", "concat", "mul"]), {"operands": chosen}))


@construct(weight=0.5)
def handed_on(network: Network, at: Choices) -> bool:
    """Copies that read a further output of the copy before them: its state, one output of it, or parts of a split."""
    x = network.tensor
    if x is None or x.integer:
        return False
    count = at.whole("count", 2, 3)
    if at.chance("parts", 0.4):
        axis = at.whole("axis", 0, x.rank - 1)
        most = min(9, int(x.shape[axis]))
        number = at.pick("number", [d for d in range(1, most + 1) if most % d == 0])
        read: list[object] = [f"prev.{at.whole(f'part {one}', 0, number - 1)}" for one in range(number)]
        split = Item("split", {"parts": number, "axis": axis})
        body = [Item("concat", {"operands": read, "axis": axis}, mapping=True), Item("tanh"), split]
        name = network.new_name()
        last = Item("relu", {}, {"from": f"{name}.{at.whole('last', 0, number - 1)}"})
        return network.add(split, Item("repeat", {"count": count, "layers": body}, {"name": name}), last)
    if x.rank != 2 or x.layout == CHANNELS_FIRST or not is_short(x):
        return False
    op = at.pick("op", ["rnn", "lstm", "gru"])
    keys = {"hidden": at.pick("hidden", [3, 4]), **at.given(0.4, layers=2, bidirectional=True)}
    read_as = "prev" if op == "lstm" or at.chance("whole", 0.5) else "prev.h"
    reader = Item(op, {**keys, "state": read_as})
    form = at.pick("form", ["layer", "list", "block", "output"])
    if form == "layer":
        reader.common["repeat"] = count
        copies = reader
    elif form == "block":
        copies = Item(network.new_block([], [reader, Item("dropout"), Item(op, dict(keys))]), {}, {"repeat": count})
    else:
        first = reader if form == "list" else Item("linear", {"features": 4}, {"from": "prev.h"})
        copies = Item("repeat", {"count": count, "layers": [first, Item(op, dict(keys))]})
    copies.common["name"] = network.new_name()
    items = [Item(op, dict(keys)), copies]
    if at.chance("further", 0.5):
        items.append(Item("linear", {"features": 4}, {"from": f"{copies.common['name']}.h"}))
    return network.add(*items)


@construct(weight=0.15)
def declared(network: Network, at: Choices) -> bool:
    """A part that is declared, of several tensors, and what reads its further output."""
    names = [*network.named()]
    if len(names) < 2 or network.tensor is None:
        return False
    name = network.new_name()
    read: list[object] = at.ranked("inputs", names)[:2]
    item = Item(
        "opaque", {"inputs": read, "output": "{main: [3, 4], other: [5]}", "macs": 7}, {"name": name}, mapping=True
    )
    return network.add(item, Item("linear", {"features": 2}, {"from": f"{name}.other"}))


@construct(weight=0.4, for_images=False)
def places(network: Network, at: Choices) -> bool:
    """What stands at places: those of the largest, or numbered ones."""
    x = network.tensor
    if x is None or x.rank < 2 or x.integer is not False:
        return False
    name, source = network.new_name(), network.new_name()
    axis = at.whole("axis", 0, x.rank - 1)
    first = Item("topk", {"k": 1, "axis": 0}, {"name": name})
    index = f"{name}.indices"
    if at.chance("constant", 0.6):
        first, index = (
            Item("constant", {"shape": at.whole("count", 1, int(x.shape[axis])), "kind": "arange"}, {"name": name}),
            name,
        )
    else:
        axis = 0
    op = "gather"
    if at.chance("along", 0.3):
        op, axis = "takealongdim", at.whole("along axis", 0, x.rank - 1)
        first, index = Item("topk", {"k": 1, "axis": axis}, {"name": name}), f"{name}.indices"
    gather = Item(op, {"index": index, "axis": axis}, {"from": source})
    return network.add(Item("identity", {}, {"name": source}), first, gather)
