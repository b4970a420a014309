"""Items as text: a line, a mapping, or several lines in a row.

Every number is asked for as it is written, with the key that it is for. So the same walk finds what two bodies have in
common, with a gap for each number, and writes them, with an expression for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from archcalc.layers import REGISTRY
from archcalc.sources.writing import Item as Written
from archcalc.sources.writing import is_short
from archcalc.tracing.block import Block
from archcalc.tracing.expressions import Expression
from archcalc.tracing.graph import Loop, Node, Out
from archcalc.tracing.items import Body, Item, Operand
from archcalc.tracing.words import collapsed, is_default, opaque_keys, operand_key, shown

# Gives the next number as an expression: its value, and the key that it is for.
Take = Callable[[Any, str], Expression]

# The most characters after a key.
_BEHIND = 84


def numbered(numbers: list[Expression]) -> Take:
    """A function that gives these numbers one after the other."""
    left = iter(numbers)
    return lambda value, key: next(left)


class Writer:
    """Writes items within one block or the model."""

    def __init__(
        self,
        blocks: Mapping[Body, Block],
        start: Out | None,
        names: dict[Node, str],
        tensors: Mapping[Out, str] | None = None,
    ) -> None:
        self.blocks = blocks
        self.start = start
        self.names = names
        self.tensors = tensors or {}

    def refer(self, out: Out) -> str:
        """What an output is called."""
        if out == self.start:
            return "input"
        if out in self.tensors:
            return self.tensors[out]
        name = self.names.get(out.node, "?")
        return f"{name}.{out.name}" if out.name else name

    def body(self, items: list[Item], take: Take) -> list[Written]:
        """A whole list of layers, on one line if it is short."""
        found = self.written(items, take)
        return [found] if len(found) > 1 and is_short(found) else found

    def written(self, items: list[Item], take: Take) -> list[Written]:
        """Items in the form that `Spec` lays out."""
        found: list[Written] = []
        for item in items:
            made = self._item(item, take)
            found += made if isinstance(made, list) else [made]
        return _joined(found)

    def _item(self, item: Item, take: Take) -> Written:
        name = None
        if item.gives is not None and item.gives != item.source and item.gives.node.op != "input":
            name = self.names.get(item.gives.node)
        if item.body is not None:
            return self._call(item, name, take)
        if item.node is not None and item.node.loop is not None:
            return self._scan(item, item.node.loop, name, take)
        if item.layers is not None:
            return self._group(item, name, take)
        assert item.node is not None
        if item.operands is not None:
            return self._merge(item, name, take)
        keys = self._keys(item.node, take)
        count = take(item.count, "count")
        first = REGISTRY[item.node.op].first
        words = [item.node.op]
        for key, text in keys.items():
            quoted = f"'{text}'" if key in ("pattern", "equation") else text
            words.append(quoted if key == first else f"{key}={quoted}")
        return " ".join([*words, *self._common(item, name, count)])

    def _common(self, item: Item, name: str | None, count: Expression) -> list[str]:
        words = [f"from={self.refer(item.source)}"] if item.source is not None else []
        if name is not None:
            words.append(f"name={name}")
        if count != Expression(1):
            words.append(f"repeat={count.text()}")
        if item.node is not None and item.node.tie is not None:
            tie, home = item.node.tie, item.node.tie.within
            inside = f"{self.refer(Out(home))}." if home not in (None, item.node.within) else ""
            words.append(f"tie={inside}{self.refer(Out(tie))}")
        return words

    def _keys(self, node: Node, take: Take) -> dict[str, str]:
        """The keys of a layer that differ from their defaults; every number is asked for."""
        keys: dict[str, str] = {}
        wide = _is_depthwise(node)
        layer = REGISTRY[node.op]
        free = [key for key in node.keys if layer.free_keys is not None and key not in layer.arguments]
        for key in (*layer.arguments, *free):
            if key not in node.keys or node.keys[key] is None:
                continue
            value = collapsed(node.op, key, node.keys[key])
            if isinstance(value, Out):
                keys[key] = self.refer(value)
            elif wide and key in ("channels", "groups"):
                keys[key] = "cin"
            elif isinstance(value, (int, float, tuple)) and not isinstance(value, bool):
                number = take(value, key)
                if number.name is not None or key in free or not is_default(node, key, number.literal):
                    keys[key] = number.text()
            elif not is_default(node, key, value):
                keys[key] = shown(value, self.refer)
        return keys

    def _merge(self, item: Item, name: str | None, take: Take) -> Written:
        node = item.node
        assert node is not None
        assert item.operands is not None
        op_key = operand_key(node.op)
        assert op_key is not None
        operands: list[Written] = [self._operand(one, take) for one in item.operands]
        keys: dict[str, Any] = opaque_keys(node) if node.op == "opaque" else dict(self._keys(node, take))
        if "equation" in keys:
            keys["equation"] = f"'{keys['equation']}'"
        count = take(item.count, "count")
        if node.op != "opaque" or operands != ["prev"]:
            keys = {**keys, op_key: operands} if keys else {op_key: operands}
        entry: dict[str, Written] = {node.op: operands if set(keys) == {op_key} else keys}
        if name is not None:
            entry["name"] = name
        if count != Expression(1):
            entry["repeat"] = count.text()
        return entry

    def _operand(self, one: Operand, take: Take) -> Written:
        if one is None:
            return "prev"
        return self.written(one, take) if isinstance(one, list) else self.refer(one)

    def _group(self, item: Item, name: str | None, take: Take) -> Written:
        assert item.layers is not None
        entry: dict[str, Written] = {}
        layers = _in_rows(self.written(item.layers, take))
        if item.node is None:  # a repeat of several
            count = take(item.count, "count")
            named: dict[str, Written] = {"name": name} if name else {}
            return {"repeat": count.text(), **self._states(item), "layers": layers, **named}
        if item.shortcut is not None:
            entry["residual"] = {"layers": layers, "shortcut": self.written(item.shortcut, take)}
        else:
            entry["residual"] = layers
        count = take(item.count, "count")
        if name is not None:
            entry["name"] = name
        if count != Expression(1):
            entry["repeat"] = count.text()
        return entry

    def _states(self, item: Item) -> dict[str, Written]:
        """What a repeat passes from copy to copy."""
        if not item.states:
            return {}
        called = {state.node: self.names.get(state.node, "?") for state in item.states}
        return {
            "state": {called[state.node]: self.refer(state.start) for state in item.states},
            "next": {called[state.node]: self.refer(state.following) for state in item.states},
        }

    def _scan(self, item: Item, loop: Loop, name: str | None, take: Take) -> Written:
        """A loop; without states, it takes each entry by itself."""
        assert item.layers is not None
        over = {self.names.get(node, "?"): self.refer(tensor) for node, tensor in loop.entries}
        entry: dict[str, Written] = {"scan" if loop.states else "each": over}
        if loop.states:
            starts = {
                self.names.get(node, "?"): [take(size, "shape").text() for size in node.sizes]
                if start is None
                else self.refer(start)
                for node, start, _ in loop.states
            }
            entry["state"] = starts
        if len(loop.states) > 1 or any(following != loop.end for _, _, following in loop.states):
            entry["next"] = {self.names.get(node, "?"): self.refer(following) for node, _, following in loop.states}
        if loop.is_back:
            entry["reverse"] = "true"
        entry["layers"] = _in_rows(self.written(item.layers, take))
        return {**entry, "name": name} if name is not None else entry

    def _call(self, item: Item, name: str | None, take: Take) -> Written:
        assert item.body is not None
        block = self.blocks[item.body]
        given = [
            take(value, _KEY_OF.get(one.name, one.name)) for value, one in zip(block.given(item.body), block.arguments)
        ]
        count = take(item.count, "count")
        if not block.written:
            values = {one.name: value for one, value in zip(block.arguments, given)}
            numbers = [one.at(values) for one in block.numbers]
            layers = self.written(item.body.items, numbered(numbers))
            head: list[Written] = [f"identity from={self.refer(item.source)}"] if item.source is not None else []
            if count == Expression(1):
                return [*head, *layers]
            named = {"name": name} if name else {}  # inside are the layers of the first copy, which have other nodes
            (first, *others) = layers
            if not others and isinstance(first, dict) and "repeat" not in first:
                return [*head, {**first, **named, "repeat": count.text()}]
            return [*head, {"repeat": count.text(), "layers": layers, **named}]
        words = [block.name or f"block{id(block)}"]
        for index, (argument, value) in enumerate(zip(block.arguments, given)):
            if value.name is None and argument.default is not None and value.literal == argument.default:
                continue
            first = index == 0 and (argument.default is None or not block.tensors)
            words.append(value.text() if first else f"{argument.name}={value.text()}")
        words += [f"{name}={self.refer(out)}" for name, out in zip(block.tensors, item.beside)]
        return " ".join([*words, *self._common(item, name, count)])


# The key that an argument is for, if its name differs.
_KEY_OF = {"width": "channels", "k": "kernel", "depth": "count", "size": "shape"}


def _is_depthwise(node: Node) -> bool:
    if node.op != "conv" or node.inputs[0].name:
        return False
    channels = node.inputs[0].sizes[0]
    return bool(node.keys["groups"] == node.keys["channels"] == channels > 1)


def _in_rows(items: list[Written]) -> list[Written]:
    """A chain that is too long to stand after `residual:`, in rows of its own."""
    chain = all(isinstance(one, str) for one in items)
    return [items] if chain and sum(len(str(one)) + 2 for one in items) > _BEHIND else items


def _joined(items: list[Written]) -> list[Written]:
    """Join short consecutive lines into one."""
    found: list[Written] = []
    row: list[Written] = []
    for item in items:
        if isinstance(item, str) and is_short([*row, item]):
            row.append(item)
            continue
        if row:
            found.append(row[0] if len(row) == 1 else row)
            row = []
        if isinstance(item, str) and is_short([item]):
            row = [item]
        else:
            found.append(item)
    if row and not found:
        return row
    if row:
        found.append(row[0] if len(row) == 1 else row)
    return found
