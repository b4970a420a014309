"""Blocks with several outputs, all copies of a repeat, tensors that go from copy to copy, layers on every entry."""

from __future__ import annotations

from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.tensor import Tensor
from tests.draw.choices import Choices
from tests.draw.constructs import construct, segment
from tests.draw.items import Body, Item, outer_references, renamed
from tests.draw.network import Network

# Layers that take whatever there is.
_READERS = ("relu", "tanh", "abs", "identity")


def _read(at: Choices, source: str) -> Item:
    return Item(at.pick("reader", _READERS), {}, {"from": source})


@construct(weight=0.8)
def outputs(network: Network, at: Choices) -> bool:
    """A block with further outputs, and a reader of one of them."""
    body = segment(network, at / "body", 3)
    if len(body) < 2 or outer_references(body):
        return False
    declared: list[str] = []
    for number, item in enumerate(body):
        if at.chance(f"{number}/declared", 0.6):
            declared.append(str(item.common.setdefault("name", network.new_name())))
    if not declared:
        return False
    name, call = network.new_block([], body, declared), network.new_name()
    item = Item(name, {}, {"name": call, **at.given(0.4, repeat=at.whole("repeat", 1, 3))})
    output = at.pick("output", declared)
    if "repeat" in item.common and at.chance("all", 0.5):
        network.drawn.used["all copies"] += 1
        return network.add(item, Item(at.pick("join", ["add", "concat"]), {"operands": [f"{call}.{output}.*", "prev"]}))
    return network.add(item, _read(at, f"{call}.{output}"))


@construct(weight=0.8)
def copies(network: Network, at: Choices) -> bool:
    """What all copies of a repeat give, joined."""
    body = segment(network, at / "body", 2)
    if not body:
        return False
    name, count = network.new_name(), at.whole("count", 1, 4)
    item = Item("repeat", {"count": count, "layers": body}, {"name": name})
    path = name
    if len(body) == 1 and body[0].op != "repeat" and at.chance("one", 0.4):
        (item,) = body
        item.common |= {"repeat": count, "name": name}
    elif at.chance("nested", 0.4):
        inner = network.new_name()
        item.keys["layers"] = [Item("repeat", {"count": at.whole("inner", 1, 3), "layers": body}, {"name": inner})]
        path = f"{name}.{inner}"
    elif at.chance("named", 0.4):
        path = f"{name}.{body[-1].common.setdefault('name', network.new_name())}"
    return network.add(item, Item(at.pick("join", ["add", "concat", "mul"]), {"operands": [f"{path}.*", "prev"]}))


@construct(weight=0.8)
def carried(network: Network, at: Choices) -> bool:
    """A loop with states that start from tensors or zeros."""
    x = network.tensor
    body = segment(network, at / "body", 2)
    if not body or x is None or x.integer is not False:
        return False
    names = [name for name, tensor in network.named().items() if tensor.shape == x.shape and not tensor.integer]
    loop, states = network.new_name(), [network.new_name() for _ in range(at.whole("states", 1, 2))]
    zeros = "[" + ", ".join(str(int(size)) for size in x.shape) + "]"
    starts = [at.pick(f"start {state}", [zeros, "prev", *names]) for state in states]
    joined, last = network.new_name(), str(body[-1].common.setdefault("name", network.new_name()))
    inner = [Item(at.pick("join", ["add", "mul"]), {"operands": ["prev", states[0]]}, {"name": joined}), *body]
    if len(states) > 1:
        inner.append(Item("add", {"operands": ["prev", states[1]]}) if at.chance("both", 0.5) else Item("relu"))
    following = [at.pick(f"next {state}", [joined, last, *states]) for state in states]
    item = Item(
        "repeat",
        {"count": at.whole("count", 1, 3), "layers": inner},
        {
            "name": loop,
            "state": "{" + ", ".join(f"{state}: {start}" for state, start in zip(states, starts)) + "}",
            "next": "{" + ", ".join(f"{state}: {one}" for state, one in zip(states, following)) + "}",
        },
    )
    if at.chance("after", 0.5):
        return network.add(item, _read(at, f"{loop}.{at.pick('of', states)}"))
    return network.add(item)


@construct(for_images=False)
def each(network: Network, at: Choices) -> bool:
    """Layers on every entry of the first axis, of one tensor or of two side by side."""
    x = network.tensor
    if x is None or x.rank < 2 or x.layout == CHANNELS_FIRST:
        return False
    body = entry_body(network, at / "body", x)
    if not body or outer_references(body):
        return False
    alike = [name for name, tensor in network.named().items() if tensor.rank > 1 and tensor.shape[0] == x.shape[0]]
    item = Item("each", {"over": "", "layers": body})
    if alike and at.chance("several", 0.4):
        one, other = network.new_name(), network.new_name()
        item.keys["over"] = f"{{{one}: prev, {other}: {at.pick('other', alike)}}}"
        item.keys["layers"] = [*body, Item("add", {"operands": ["prev", at.pick("which", [one, other])]})]
    elif alike and at.chance("named", 0.3):
        item.keys["over"] = at.pick("source", alike)
    if at.chance("repeated", 0.2):
        item.common["repeat"] = at.whole("repeat", 1, 3)
    if at.chance("tied", 0.2):
        item.common["name"] = name = network.new_name()
        again = Item("each", {**item.keys, "layers": renamed(body, network.new_name)}, {"tie": name})
        if network.add(item, again):
            return True
    return network.add(item)


def entry_body(network: Network, at: Choices, x: Tensor) -> Body:
    """Some layers for an entry of `x`, drawn as those of a network of their own."""
    inner = Network(at)
    inner.drawn = network.drawn.copy()
    inner.drawn.items, inner.drawn.dims = [], {}
    inner.drawn.inputs = {"input": ", ".join(str(int(size)) for size in x.shape[1:])}
    if x.integer is False:
        inner.drawn.items = [Item("scale", {"factor": 2})]
        inner.graph = inner.build()
    inner.depth, inner.images = network.depth, False
    body = segment(inner, at / "layers", 3)
    network.drawn.names, network.drawn.blocks = inner.drawn.names, inner.drawn.blocks
    network.drawn.declared = inner.drawn.declared
    network.tried |= inner.tried
    return body
