"""The same layers at every step, with states."""

from __future__ import annotations

from archcalc.layers.layout import CHANNELS_FIRST
from tests.draw.choices import Choices
from tests.draw.constructs import construct
from tests.draw.constructs.several import entry_body
from tests.draw.items import Item
from tests.draw.network import Network


@construct(weight=0.8, for_images=False)
def scan(network: Network, at: Choices) -> bool:
    """Through one tensor or two, with states that start from zeros or tensors, of which some stay as they are."""
    x = network.tensor
    if x is None or x.rank < 2 or x.layout == CHANNELS_FIRST or x.integer is not False or x.shape[0] > 12:
        return False
    body = entry_body(network, at / "body", x)
    if not body:
        return False
    sizes = tuple(x.shape[1:])
    alike = [name for name, tensor in network.named().items() if tensor.rank > 1 and tensor.shape[0] == x.shape[0]]
    starts = [name for name, tensor in network.named().items() if tuple(tensor.shape) == sizes and not tensor.integer]
    zeros = "[" + ", ".join(str(int(size)) for size in sizes) + "]"
    states = [network.new_name() for _ in range(at.whole("states", 1, 3))]
    joined, last, loop = (
        network.new_name(),
        str(body[-1].common.setdefault("name", network.new_name())),
        network.new_name(),
    )
    inner = [Item(at.pick("join", ["add", "mul"]), {"operands": ["prev", states[0]]}, {"name": joined}), *body]
    if len(states) > 1 and at.chance("both", 0.5):
        inner.append(Item("add", {"operands": [joined, states[1]]}))
    following = [at.pick(f"next {state}", [joined, last, *states]) for state in states]
    over = "prev"
    if alike and at.chance("several", 0.3):
        one, other = network.new_name(), network.new_name()
        over = f"{{{one}: prev, {other}: {at.pick('other', alike)}}}"
        inner.append(Item("add", {"operands": ["prev", at.pick("which", [one, other])]}))
    begin = [at.pick(f"start {state}", [zeros, *starts]) for state in states]
    common: dict[str, object] = {
        "name": loop,
        "state": "{" + ", ".join(f"{state}: {start}" for state, start in zip(states, begin)) + "}",
        "next": "{" + ", ".join(f"{state}: {one}" for state, one in zip(states, following)) + "}",
        **at.given(0.3, reverse=at.chance("backwards", 0.7)),
        **({"repeat": at.whole("repeat", 1, 3)} if at.chance("repeated", 0.2) else {}),
    }
    item = Item("scan", {"over": over, "layers": inner}, common)
    if at.chance("after", 0.4):
        return network.add(item, Item("tanh", {}, {"from": f"{loop}.{at.pick('of', states)}"}))
    return network.add(item)


@construct(weight=0.8, for_images=False)
def cell(network: Network, at: Choices) -> bool:
    """One step of a recurrent layer: on a vector, or at every step of a scan, whose states it goes on with."""
    x = network.tensor
    if x is None or x.rank > 2 or x.layout == CHANNELS_FIRST or x.integer is not False or x.shape[0] > 12:
        return False
    op = at.pick("op", ["rnncell", "grucell", "lstmcell"])
    arguments = ("h", "c") if op == "lstmcell" else ("state",)
    name, states = network.new_name(), [network.new_name() for _ in arguments]
    hidden = at.pick("hidden", [3, 4])
    keys: dict[str, object] = {"hidden": hidden, **dict(zip(arguments, states)), **at.given(0.4, bias=False)}
    if op == "rnncell":
        keys |= at.given(0.5, nonlinearity=at.pick("g", ["tanh", "relu"]))
    step = Item(op, keys, {"name": name})
    if x.rank == 1:
        source = network.new_name()
        starts = [Item("linear", {"features": hidden}, {"name": state, "from": source}) for state in states]
        step.common["from"] = source
        items = [Item("identity", {}, {"name": source}), *starts, step]
    else:
        values = [name, f"{name}.c"]
        common: dict[str, object] = {
            "name": network.new_name(),
            "state": "{" + ", ".join(f"{state}: [{hidden}]" for state in states) + "}",
            "next": "{" + ", ".join(f"{state}: {value}" for state, value in zip(states, values)) + "}",
            **at.given(0.3, reverse=True),
        }
        after = [Item("linear", {"features": 4})] if at.chance("after", 0.4) else []
        items = [Item("scan", {"over": "prev", "layers": [step, *after]}, common)]
    if op == "lstmcell" and at.chance("further", 0.4):
        scan = items[-1].common["name"]
        both = [f"{scan}.{state}" for state in states] if x.rank > 1 else [name, f"{name}.c"]
        items.append(Item("add", {"operands": [at.pick("read", both), both[1]]}))
    return network.add(*items)
