"""Small decisions of the writer: how copies are listed, what a class may compute with, what it is called."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from archcalc.layers.code import Code
from archcalc.layers.tensor import CHANNELS_FIRST, Alias, Tensor
from archcalc.network.codes import plain
from archcalc.network.graph import Node
from archcalc.pytorch.names import identifier
from archcalc.pytorch.structure import entry_of, layer_inputs

SIMPLE = "{self}({0})"


def generated(text: str, sequential: bool) -> str:
    """Copies made by a generator, as a list of modules."""
    return f"nn.Sequential(*({text}))" if sequential else f"nn.ModuleList({text})"


def listed(items: list[str], sequential: bool) -> str:
    """Copies one by one, as a list of modules."""
    return f"nn.Sequential({', '.join(items)})" if sequential else f"nn.ModuleList([{', '.join(items)}])"


def common_step(rows: list[list[Any]]) -> int | None:
    """By how much each row is more than the one before it; None where that is not one number for all."""
    if all(row == rows[0] for row in rows):
        return 0
    if not all(type(value) is int for row in rows for value in row):
        return None
    steps_ = {after - before for one, other in pairwise(rows) for before, after in zip(one, other)}
    return steps_.pop() if len(steps_) == 1 else None


def running_tensor(node: Node) -> Alias | None:
    """The tensor that is another in each copy of a layer; None where no copy reads the one before it."""
    return next((item for item in layer_inputs(node) if isinstance(item, Alias)), None)


def returned(code: Code) -> Code | None:
    """The code of a layer that returns further outputs beside its own."""
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


def sentence(node: Node) -> str:
    """What a class is, for its docstring."""
    if node.block:
        return f"The block `{node.op}`."
    return "One expert." if node.op == "expert" else "One of the copies of a repeat."


def is_sequential(code: Code, again: bool) -> bool:
    """Whether copies of a layer can stand in nn.Sequential; `again`: one of them is called elsewhere too."""
    return bool(code.module) and code.call == SIMPLE and not code.outputs and not again
