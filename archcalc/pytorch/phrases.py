"""Small decisions of the writer: how copies are listed, what a class may compute with, what it is called."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from archcalc.layers.code import Code
from archcalc.layers.layout import CHANNELS_FIRST, EACH
from archcalc.layers.tensor import Alias, Tensor
from archcalc.network.codes import plain
from archcalc.network.graph import Node
from archcalc.pytorch.items import Item, entry_of, is_batched, layer_inputs
from archcalc.pytorch.names import identifier

SIMPLE = "{self}({0})"


def generated(text: str, sequential: bool) -> str:
    """Copies made by a generator, as a list of modules."""
    return f"nn.Sequential(*({text}))" if sequential else f"nn.ModuleList({text})"


def listed(items: list[tuple[str, str]], sequential: bool) -> str:
    """Modules with how often each occurs, as a list of modules: a loop for more than two of one kind."""
    words: list[str] = []
    together: list[tuple[str, str]] = []
    for text, count in items:
        if together and together[-1][0] == text and together[-1][1].isdigit() and count.isdigit():
            together[-1] = text, str(int(together[-1][1]) + int(count))
        else:
            together.append((text, count))
    if len(together) == 1 and together[0][1] not in ("0", "1", "2"):
        return generated(f"{text} for _ in range({together[0][1]})", sequential)
    for text, count in together:
        if count in ("0", "1", "2"):
            words += [text] * int(count)
        else:
            words.append(f"*({text} for _ in range({count}))")
    joined = ", ".join(words)
    return f"nn.Sequential({joined})" if sequential else f"nn.ModuleList([{joined}])"


def runs(node: Node) -> list[tuple[Node, int]]:
    """Runs of equal copies of a group, and their lengths; if all are equal, the first one and the rest."""
    if node.unfolded:
        return [(child, child.copies) for child in node.children]
    return [(node, 1), (node, node.copies - 1)]


def common_step(values: list[Any], counts: list[int]) -> int | None:
    """The step between successive `values`; None if it varies.

    Args:
        counts: how many copies have each of the values.
    """
    if all(value == values[0] for value in values):
        return 0
    if max(counts) > 1 or not all(type(value) is int for value in values):
        return None
    differences = {after - before for before, after in pairwise(values)}
    return differences.pop() if len(differences) == 1 else None


def running_tensor(node: Node) -> Alias | None:
    """The tensor that differs in each copy of a layer; None if no copy reads the one before it."""
    return next((item for item in layer_inputs(node) if isinstance(item, Alias)), None)


def returned(code: Code) -> Code | None:
    """The code of a layer that returns further outputs besides its own."""
    return code if code.outputs else None


def known_numbers(instances: list[Node]) -> dict[str, tuple[object, ...]]:
    """The numbers a class may compute with: the size of its input, and its block's arguments."""
    known: dict[str, tuple[object, ...]] = {}
    entries = [entry_of(node) for node in instances]
    first = entries[0]
    if first is not None and all(entry is not None and entry.rank and not entry.integer for entry in entries):
        name = "in_channels" if first.layout == CHANNELS_FIRST else "in_features"
        known[name] = tuple(int(entry.shape[entry.feature_axis]) for entry in entries if entry is not None)
    for name, value in instances[0].arguments.items():
        if not isinstance(value, Tensor) and all(name in node.arguments for node in instances):
            known[identifier(name)] = tuple(plain(node.arguments[name]) for node in instances)
    return known


def default_numbers(instances: list[Node], used: dict[str, tuple[object, ...]]) -> dict[str, object]:
    """The defaults of a block's arguments that a call omits, among those that its class uses."""
    found: dict[str, object] = {}
    for name in instances[0].arguments:
        if identifier(name) in used:
            left = [value for node, value in zip(instances, used[identifier(name)]) if name in node.defaulted]
            if left and all(value == left[0] for value in left):
                found[identifier(name)] = left[0]
    return found


def sentence(node: Node, wrapper: Node) -> str:
    """A description of a class, for its docstring; `wrapper` is the node of all copies."""
    if node.block:
        return f"The block `{node.op}`."
    if node.op == EACH:
        return "What runs on every entry of the first axis."
    if any(child.listed for child in node.children):
        return "The same layers at every step."
    return "One expert." if node.op == "expert" else f"One of the copies in `{wrapper.segment}`."


def is_sequential(code: Code, again: bool) -> bool:
    """Whether copies of a layer can go into nn.Sequential; `again`: one of them is called elsewhere too."""
    return bool(code.module) and code.call == SIMPLE and not code.outputs and not again


def argument_of(node: Node, item: Item) -> str | None:
    """The argument of a block's call that is an item."""
    return next((name for name, value in node.arguments.items() if value is item), None)


def routed(items: list[Item]) -> str:
    """The call of a mixture with what its experts read from outside, ending with what is the same for every sample."""
    words = [f"{{{index}}}" for index in range(len(items))]
    count = sum(map(is_batched, items))
    shared = ", ".join(words[count:])
    if shared:
        words[count:] = [f"shared=({shared}{',' * (len(items) == count + 1)})"]
    return f"{{self}}({', '.join(words)})"


def tie(name: str, owner: str) -> str:
    """The statement that ties a parameter or buffer of a module, which stands for {}; in a list it has a number."""
    path = "".join(f"[{one}]" if one.isdigit() else f".{one}" for one in name.split("."))
    return f"{{}}{path} = {owner}{path}"
