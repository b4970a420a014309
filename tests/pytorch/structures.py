"""The moves by which a drawn network grows: layers, and everything that contains or joins layers."""

from __future__ import annotations

import copy
from collections.abc import Callable

from archcalc.layers import REGISTRY
from archcalc.layers.tensor import Tensor
from tests.pytorch.layer_draws import divisor, is_last, some
from tests.pytorch.networks import Body, Item, Network, text

Move = Callable[[Network], bool]
MOVES: dict[str, Move] = {}


def move(function: Move) -> Move:
    """Register a move; it returns whether it added something."""
    MOVES[function.__name__] = function
    return function


def current(network: Network) -> Tensor:
    assert network.tensor is not None
    return network.tensor


@move
def layer(network: Network) -> bool:
    """One layer, sometimes named, repeated, or starting from another tensor."""
    rng = network.rng
    x, source = current(network), None
    if rng.random() < 0.15 and network.named():
        source, x = rng.choice(list(network.named().items()))
    item = network.layer(x)
    if item is None:
        return False
    if source:
        item.common["from"] = source
    if rng.random() < 0.45:
        item.common["name"] = network.new_name()
    if rng.random() < 0.1:
        item.common["repeat"] = rng.choice([1, 2, 3, "h2", 0])
    return network.add(item)


@move
def merge(network: Network) -> bool:
    """add, mul, sub or concat of names and lists of layers."""
    rng = network.rng
    x = current(network)
    op = rng.choice(["add", "mul", "sub", "concat"])
    alike = [name for name, tensor in network.named().items() if tensor.rank == x.rank and tensor.rank]
    operands: list[object] = []
    for _ in range(2 if op == "sub" else rng.randint(2, 3)):
        if alike and rng.random() < 0.5:
            operands.append(rng.choice(alike))
        elif rng.random() < 0.4:
            operands.append("prev")
        else:
            operands.append(network.segment(rng.randint(1, 2)) or "prev")
    item = Item(op, {"operands": operands})
    if op == "concat" and rng.random() < 0.5:
        item.keys["axis"] = rng.randint(-x.rank, x.rank - 1)
    if rng.random() < 0.3:
        item.common["name"] = network.new_name()
    if rng.random() < 0.3:
        item.common["repeat"] = rng.randint(2, 3)
        network.used["growing"] += op == "concat" and network.add(item)
        return network.items[-1:] == [item]
    return network.add(item)


@move
def residual(network: Network) -> bool:
    """x + f(x), with a shortcut where the shape changes."""
    rng = network.rng
    body = network.segment(rng.randint(1, 3))
    if not body:
        return False
    item = Item("residual", {"layers": body})
    if rng.random() < 0.4:
        item.common["name"] = network.new_name()
    if rng.random() < 0.3:
        item.common["repeat"] = rng.randint(2, 3)
    if network.add(item):
        return True
    item.common.pop("repeat", None)
    item.keys["shortcut"] = renamed(network, body)
    if network.add(item):
        network.used["shortcut"] += 1
        return True
    return False


def renamed(network: Network, body: Body) -> Body:
    """A copy with names of its own."""
    body = copy.deepcopy(body)
    names = {
        str(one.common["name"]): network.new_name() for item in body for one in item.walk() if "name" in one.common
    }
    for item in body:
        for one in item.walk():
            replace(one, names)
    return body


def replace(item: Item, names: dict[str, str]) -> None:
    """Other names in the references of one item."""
    for key, value in item.common.items():
        item.common[key] = rename(value, names)
    for key, value in item.keys.items():
        if isinstance(value, list):
            item.keys[key] = [rename(one, names) for one in value]
        elif key in ("q", "k", "v", "kv", "relbias", "state") or item.op not in REGISTRY:
            item.keys[key] = rename(value, names)


def rename(value: object, names: dict[str, str]) -> object:
    if not isinstance(value, str):
        return value
    name, dot, output = value.partition(".")
    return names.get(name, name) + dot + output


def references(body: Body) -> set[str]:
    """The names that `body` takes from around it."""
    found: set[str] = set()
    defined: set[str] = set()
    for item in (one for top in body for one in top.walk()):
        values = [value for key, value in item.common.items() if key in ("from", "tie")]
        for key, value in item.keys.items():
            if isinstance(value, list):
                values += [one for one in value if isinstance(one, str)]
            elif key in ("q", "k", "v", "kv", "relbias", "state") or item.op not in REGISTRY:
                values.append(value)
        found |= {str(value) for value in values if isinstance(value, str) and value[:1].isalpha()}
        defined.add(str(item.common.get("name")))
    return {name for name in found if name.split(".")[0] not in {*defined, "prev", "h1", "h2"}}


@move
def repeat(network: Network) -> bool:
    """Copies of a list of layers."""
    rng = network.rng
    body = network.segment(rng.randint(1, 3))
    if not body:
        return False
    item = Item("repeat", {"count": rng.choice([1, 2, 3, 4, "h2"]), "layers": body})
    if rng.random() < 0.4:
        item.common["name"] = network.new_name()
    return network.add(item)


@move
def block(network: Network) -> bool:
    """A new block of some layers; numbers and tensors from around become arguments."""
    rng = network.rng
    body = network.segment(rng.randint(1, 4))
    if not body:
        return False
    name = f"block{len(network.blocks) + 1}"
    given: dict[str, object] = {}
    for number, reference in enumerate(sorted(references(body)), 1):
        base, dot, _output = reference.partition(".")
        argument = f"t{number}"
        given[argument] = reference
        for item in (one for top in body for one in top.walk()):
            if dot:
                swap(item, reference, argument)
            else:
                replace(item, {base: argument})
    for item in (one for top in body for one in top.walk()):
        for key, value in item.keys.items():
            plain = isinstance(value, (int, float)) or (isinstance(value, str) and value.replace("x", "").isdigit())
            if plain and rng.random() < 0.3 and item.op in REGISTRY:
                argument = f"a{len(given) + 1}"
                given[argument], item.keys[key] = value, argument
    parameters = list(given)
    if parameters and not isinstance(given[parameters[-1]], str) and rng.random() < 0.4:
        parameters[-1] += f"={text(given.pop(parameters[-1]))}"
        network.used["default"] += 1
    network.blocks[name] = (parameters, body)
    if not network.add(call(network, name, given)):
        del network.blocks[name]
        return False
    return True


def swap(item: Item, old: str, new: str) -> None:
    item.common.update({key: new for key, value in item.common.items() if value == old})
    for key, value in item.keys.items():
        item.keys[key] = (
            [new if one == old else one for one in value] if isinstance(value, list) else new if value == old else value
        )


def call(network: Network, name: str, given: dict[str, object]) -> Item:
    item = Item(name, network.written(dict(given)))
    if network.rng.random() < 0.4:
        item.common["name"] = network.new_name()
    if network.rng.random() < 0.4:
        item.common["repeat"] = network.rng.choice([1, 2, 3])
    return item


@move
def again(network: Network) -> bool:
    """Another call of a block, with other numbers or tensors, or tied to an earlier one."""
    rng = network.rng
    if not network.blocks:
        return False
    calls = [item for item in network.items if item.op in network.blocks]
    if not calls:
        return False
    earlier = rng.choice(calls)
    item = Item(earlier.op, dict(earlier.keys))
    name = earlier.common.get("name")
    if name and rng.random() < 0.5:
        item.common["tie"] = name
        if rng.random() < 0.3:
            item.common["repeat"] = 2
        return network.add(item) or network.add(item)
    for key, value in item.keys.items():
        if isinstance(value, bool):
            item.keys[key] = rng.random() < 0.5
        elif isinstance(value, int) and rng.random() < 0.7:
            item.keys[key] = max(1, value + rng.choice([-1, 1, 2, value]))
        elif isinstance(value, str) and value in network.named() and rng.random() < 0.5:
            item.keys[key] = rng.choice([*network.named(), "prev"])
    if rng.random() < 0.3:
        item.common["from"] = rng.choice([*network.named()])
    if rng.random() < 0.4:
        item.common["name"] = network.new_name()
    return network.add(item)


@move
def tie(network: Network) -> bool:
    """A layer with the weights of an earlier one; some arguments may differ."""
    rng = network.rng
    targets = [item for item in network.items if "name" in item.common and "repeat" not in item.common]
    if not targets:
        return False
    target = rng.choice(targets)
    item = Item(target.op, copy.deepcopy(target.keys))
    inner = renamed(network, [item])
    item = inner[0]
    if target.op == "embedding" and rng.random() < 0.7:
        item = Item("linear", {"features": target.keys["vocab"], "bias": rng.random() < 0.5})
    if target.op in ("conv", "maxpool") and rng.random() < 0.4:
        item.keys["padding"] = 2
    if target.op == "batchnorm" and rng.random() < 0.5:
        item.keys["eps"] = 0.1
    item.common = {"tie": target.common["name"], **some(rng, 0.3, name=network.new_name(), repeat=2)}
    if rng.random() < 0.3:
        item.common["from"] = rng.choice([*network.named()])
    return network.add(item)


@move
def moe(network: Network) -> bool:
    """A mixture of experts, whose layers see one position."""
    rng = network.rng
    x = current(network)
    if not is_last(x):
        return False
    kinds = ["linear", "relu", "gelu", "layernorm", "silu", "dropout", "rmsnorm", "scale"]
    body = [
        item for _ in range(rng.randint(1, 3)) if (item := network.layer(Tensor((x.shape[-1],)), kinds)) is not None
    ]
    if rng.random() < 0.3:
        body = [
            Item(
                "mul",
                {"operands": [[Item("linear", {"features": 4}), Item("silu", {})], [Item("linear", {"features": 4})]]},
            ),
            *body,
        ]
    if rng.random() < 0.3:
        body = [Item("residual", {"layers": [Item("linear", {"features": "cin"})]}), *body]
    vectors = [
        name
        for name, tensor in network.named().items()
        if tensor.rank == 1 and tensor.shape == x.shape[-1:] and not tensor.integer
    ]
    if vectors and rng.random() < 0.5:
        body = [Item("add", {"operands": ["prev", rng.choice(vectors)]}), *body]
    experts = rng.randint(1, 4)
    item = Item("moe", {"experts": experts, "top_k": rng.randint(1, experts), "layers": body})
    if rng.random() < 0.3:
        item.common["repeat"] = 2
    return network.add(item)


@move
def product(network: Network) -> bool:
    """matmul or einsum of two tensors."""
    rng = network.rng
    x = current(network)
    if x.rank < 2:
        return False
    letters = "abcd"[: x.rank]
    if rng.random() < 0.5:
        operands: list[object] = ["prev", [Item("transpose", {})]]
        return network.add(Item("matmul", {"operands": operands}))
    right = [*list(letters[:-1]), "x"]
    equation = rng.choice([
        f"'{letters},{''.join(right[:-2])}x{letters[-1]}->{''.join(right)}'", f"'{letters}->{letters[::-1]}'",
        f"'{letters},{letters}->{letters[:-1]}'", f"'{letters},{letters}->{letters}'",
    ])  # fmt: skip
    operands = ["prev"] if "," not in equation else ["prev", "prev"]
    if "x" in equation:
        operands = ["prev", [Item("linear", {"features": int(x.shape[-1])})]] if x.rank == 2 else ["prev", "prev"]
    return network.add(Item("einsum", {"equation": equation, "operands": operands}))


@move
def cross(network: Network) -> bool:
    """Attention to another layer, or with a table of positions."""
    rng = network.rng
    x = current(network)
    if not is_last(x, 2):
        return False
    heads = divisor(rng, int(x.shape[-1]))
    item = Item(
        "attention",
        {"heads": heads, **some(rng, 0.3, causal=True, rope=50, softcap=3, qknorm=True, bias="qkv", window=2)},
    )
    if rng.random() < 0.6:
        others = [name for name, tensor in network.named().items() if tensor.rank == x.rank]
        item.keys["kv"] = rng.choice([*others, "prev"])
    if rng.random() < 0.4:
        name, table = network.new_name(), network.new_name()
        first = Item("identity", {}, {"name": name})
        bias = Item("relposbias", {"heads": heads, "buckets": 6}, {"name": table})
        item.keys["relbias"] = table
        item.common |= {"from": name, **some(rng, 0.3, repeat=2)}
        return network.add(first, bias, item)
    item.common |= some(rng, 0.3, repeat=2, name=network.new_name())
    return network.add(item)


@move
def scores(network: Network) -> bool:
    """Scaled dot products of parts of a split, or of named tensors."""
    rng = network.rng
    x = current(network)
    if not is_last(x, 2):
        return False
    keys = some(rng, 0.4, causal=True, scale=0.5)
    if x.shape[-1] % 3 == 0:
        name = network.new_name()
        split = Item("split", {"parts": 3, "axis": -1}, {"name": name})
        sdpa = Item("sdpa", {"q": f"{name}.0", "k": f"{name}.1", "v": f"{name}.2", **keys})
        return network.add(split, sdpa)
    others = [one for one, tensor in network.named().items() if tensor.rank == x.rank]
    sources = {key: rng.choice([*others, "prev"]) for key in "qkv"}
    return network.add(Item("sdpa", {**sources, **keys}))


@move
def states(network: Network) -> bool:
    """A recurrent layer that starts from the state of another, and its further outputs."""
    rng = network.rng
    x = current(network)
    if not is_last(x, 2, 2) or x.shape[0] > 16:
        return False
    op = rng.choice(["rnn", "lstm", "gru"])
    keys = {"hidden": rng.choice([3, 4]), **some(rng, 0.4, layers=2, bidirectional=True, bias=False)}
    first, second = network.new_name(), network.new_name()
    items = [Item(op, dict(keys), {"name": first}), Item(op, {**keys, "state": first}, {"name": second})]
    if op != "lstm" and rng.random() < 0.3:
        items[1].keys["state"] = f"{first}.h"
    output = rng.choice(["h", "last", "c"] if op == "lstm" else ["h", "last"])
    wrapped = rng.random()
    if wrapped < 0.3:
        name = f"block{len(network.blocks) + 1}"
        network.blocks[name] = ([], [Item("dropout", {}), Item(op, dict(keys))])
        items[0] = Item(name, {}, {"name": first, **some(rng, 0.3, repeat=2)})
    elif wrapped < 0.5:
        items[0] = Item("repeat", {"count": 2, "layers": [Item("tanh", {}), Item(op, dict(keys))]}, {"name": first})
    elif wrapped < 0.6:
        items[0].common["repeat"] = 2
    if rng.random() < 0.3:
        items[1].common["repeat"] = 2
    if rng.random() < 0.5:
        items.append(Item(rng.choice(["relu", "linear"]), {}, {"from": f"{rng.choice([first, second])}.{output}"}))
        if items[-1].op == "linear":
            items[-1].keys["features"] = 4
    if network.add(*items):
        return True
    if wrapped < 0.3:
        del network.blocks[name]
    return False


@move
def parts(network: Network) -> bool:
    """Parts of a split, joined again in another order."""
    rng = network.rng
    x = current(network)
    name = network.new_name()
    axis = rng.randint(0, x.rank - 1)
    count = divisor(rng, min(12, int(x.shape[axis])))
    chosen = [f"{name}.{rng.randint(0, count - 1)}" for _ in range(rng.randint(2, 3))]
    split = Item("split", {"parts": count, "axis": axis}, {"name": name})
    if rng.random() < 0.3:
        block_name = f"block{len(network.blocks) + 1}"
        network.blocks[block_name] = ([], [Item("identity", {}), Item("split", {"parts": count, "axis": axis})])
        split = Item(block_name, {}, {"name": name})
        if network.add(split, Item("add", {"operands": chosen})):
            return True
        del network.blocks[block_name]
        return False
    op = rng.choice(["add", "concat", "mul"])
    return network.add(split, Item(op, {"operands": chosen}))


@move
def hparam(network: Network) -> bool:
    """A new hparam, derived from an earlier one."""
    if len(network.hparams) > 4:
        return False
    name = f"h{len(network.hparams) + 1}"
    network.hparams[name] = network.rng.randint(1, 8)
    return True
