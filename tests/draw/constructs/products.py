"""Layers that look at another tensor: matmul, einsum, attention to it, scaled dot products, its size."""

from __future__ import annotations

from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.tensor import Tensor
from tests.draw.choices import Choices
from tests.draw.constructs import construct
from tests.draw.items import Item
from tests.draw.network import Network


def _positions(network: Network) -> Tensor | None:
    """The tensor before, where it is a sequence of features."""
    x = network.tensor
    return None if x is None or x.rank < 2 or x.integer or x.layout == CHANNELS_FIRST else x


@construct(weight=0.4, nests=False)
def sized_like(network: Network, at: Choices) -> bool:
    """A map brought to the size of another."""
    x = network.tensor
    if x is None or not 2 <= x.rank <= 4 or x.layout not in (None, CHANNELS_FIRST):
        return False
    others = [name for name, tensor in network.named().items() if tensor.rank == x.rank and not tensor.parts]
    if not others:
        return False
    item = Item(at.pick("op", ["upsample", "crop"]), {"like": at.pick("other", others)})
    if at.chance("named", 0.3):
        item.common["name"] = network.new_name()
    return network.add(item)


@construct(weight=0.5, for_images=False)
def matmul(network: Network, at: Choices) -> bool:
    """A tensor, some of it said not to be 0, times itself transposed, or times another."""
    x = network.tensor
    if x is None or x.rank < 2:
        return False
    others = [name for name, tensor in network.named().items() if tensor.rank == x.rank]
    other: object = [Item("transpose")]
    if others and at.chance("named", 0.3):
        other = at.pick("other", others)
    keys = at.given(0.3, nonzero=at.whole("elements", 0, int(x.elements)))
    return network.add(Item("matmul", {"operands": ["prev", other], **keys}))


@construct(weight=0.6, for_images=False)
def einsum(network: Network, at: Choices) -> bool:
    """A sum of products over axes of one tensor, or of two."""
    x = network.tensor
    if x is None or not 2 <= x.rank <= 4:
        return False
    letters = "abcd"[: x.rank]
    head, last = letters[:-1], letters[-1]
    equation = at.pick(
        "equation",
        [
            f"'{letters},{head[:-1]}x{last}->{head}x'",
            f"'{letters}->{letters[::-1]}'",
            f"'{letters},{letters}->{head}'",
            f"'{letters},{letters}->{letters}'",
        ],
    )
    operands: list[object] = ["prev", "prev"][: 1 + ("," in equation)]
    if "x" in equation and x.rank == 2:
        operands[1] = [Item("linear", {"features": int(x.shape[-1])})]
    return network.add(Item("einsum", {"equation": equation, "operands": operands}))


@construct(for_images=False)
def cross(network: Network, at: Choices) -> bool:
    """Attention to another layer, or with a table of positions."""
    x = _positions(network)
    if x is None:
        return False
    width = int(x.shape[-1])
    heads = at.pick("heads", [d for d in range(1, width + 1) if width % d == 0])
    more = at.given(0.3, causal=True, rope=50, softcap=3, qknorm=True, bias="qkv", window=2, sinks=True)
    more |= at.given(0.2, qknorm=at.pick("norm", ["width", "unscaled"]))
    item = Item("attention", {"heads": heads, **more})
    others = [name for name, tensor in network.named().items() if tensor.rank == x.rank]
    if at.chance("other", 0.6):
        sources = at.pick("sources", {"kv": 2, "k": 1, "v": 1, "k v": 1})
        item.keys |= {key: at.pick(key, [*others, "prev"]) for key in sources.split()}
    if at.chance("wider", 0.2):
        item.keys["out"] = at.whole("width", 1, 9)
    item.common |= at.given(0.3, repeat=2, name=network.new_name())
    if not at.chance("table", 0.4):
        return network.add(item)
    start, table = network.new_name(), network.new_name()
    item.keys["relbias"] = table
    item.common["from"] = start
    bias = Item("relposbias", {"heads": heads, "buckets": 6}, {"name": table})
    beside = []
    if at.chance("mask", 0.4):
        beside.append(Item("constant", {"shape": f"1x{int(x.shape[-2])}", "value": 1}, {"name": network.new_name()}))
        item.keys["mask"] = beside[0].common["name"]
    return network.add(Item("identity", {}, {"name": start}), bias, *beside, item)


@construct(for_images=False)
def sdpa(network: Network, at: Choices) -> bool:
    """Scaled dot products of parts of a split, or of named tensors."""
    x = _positions(network)
    if x is None:
        return False
    keys = at.given(0.3, causal=True, scale=0.5, window=2, softcap=4.5, dropout=0.1)
    if x.rank > 2:
        keys |= at.given(0.2, sinks=True)
    if x.shape[-1] % 3 == 0:
        name = network.new_name()
        split = Item("split", {"parts": 3, "axis": -1}, {"name": name})
        beside = []
        positions = int(x.shape[-2])
        heads = tuple(map(int, x.shape[-3:-2]))
        if heads and at.chance("shared", 0.5):
            keys["kv_heads"] = heads[0]
        if at.chance("mask", 0.5):
            beside.append(Item("constant", {"shape": f"1x{positions}", "value": 1}, {"name": network.new_name()}))
            keys["mask"] = beside[-1].common["name"]
        if at.chance("table", 0.5):
            shape = "x".join(map(str, (*heads, positions, positions)))
            beside.append(Item("parameter", {"shape": shape}, {"name": network.new_name()}))
            keys["relbias"] = beside[-1].common["name"]
        parts = {"q": f"{name}.0", "k": f"{name}.1", "v": f"{name}.2"}
        return network.add(split, *beside, Item("sdpa", {**parts, **keys}))
    others = [one for one, tensor in network.named().items() if tensor.rank == x.rank]
    return network.add(Item("sdpa", {**{key: at.pick(key, [*others, "prev"]) for key in "qkv"}, **keys}))
