"""The items of a spec as data, and how they are written."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from archcalc.layers import REGISTRY
from archcalc.layers.operands import Reference

Body = list["Item"]


@dataclass
class Item:
    """A layer of a spec: a value of `keys` is a constant, a text, or a list of operands or layers.

    `common` are the keys that every layer takes; `mapping` says whether it is written as one.
    """

    op: str
    keys: dict[str, object] = field(default_factory=dict)
    common: dict[str, object] = field(default_factory=dict)
    mapping: bool = False

    def lists(self) -> list[Body]:
        """The layers inside it, list by list."""
        found: list[Body] = []
        for value in self.keys.values():
            if isinstance(value, list):
                found += [one for one in value if isinstance(one, list)]
                if value and isinstance(value[0], Item):
                    found.append(value)
        return found

    def walk(self) -> Iterator[Item]:
        """It and all layers inside it."""
        yield self
        for body in self.lists():
            yield from walk(body)

    def __str__(self) -> str:
        if self.op == "repeat":
            pairs = [f"repeat: {self.keys['count']}", f"layers: {text(self.keys['layers'])}"]
        elif self.op == "scan":
            pairs = [f"scan: {self.keys['over']}", f"layers: {text(self.keys['layers'])}"]
        elif self.op == "each":
            layers = text(self.keys["layers"])
            over = self.keys["over"]
            pairs = [f"each: {over}", f"layers: {layers}"] if over else [f"each: {layers}"]
        elif self.mapping or any(isinstance(value, list) for value in self.keys.values()):
            only = next(iter(self.keys)) if len(self.keys) == 1 else ""
            inner = ", ".join(f"{name}: {text(value)}" for name, value in self.keys.items())
            pairs = [f"{self.op}: " + (text(self.keys[only]) if only in ("operands", "layers") else f"{{{inner}}}")]
        else:
            return self._line()
        return "{" + ", ".join([*pairs, *(f"{name}: {text(value)}" for name, value in self.common.items())]) + "}"

    def _line(self) -> str:
        first = REGISTRY[self.op].first if self.op in REGISTRY else None
        words = [self.op]
        if first in self.keys:
            words.append(text(self.keys[first]))
        words += [f"{name}={text(value)}" for name, value in self.keys.items() if name != first]
        return " ".join([*words, *(f"{name}={text(value)}" for name, value in self.common.items())])

    # -- names ------------------------------------------------------------------------------

    def references(self) -> Iterator[str]:
        """The names of tensors that it reads, without those inside it."""
        yield from (str(value) for key, value in self.common.items() if key in ("from", "tie"))
        for key, value in self.keys.items():
            if isinstance(value, list):
                yield from (one for one in value if isinstance(one, str))
            elif self._refers(key) and isinstance(value, str):
                yield value

    def replace(self, change: Callable[[str], str]) -> None:
        """Put `change(name)` for every name that it defines or reads, without those inside it."""
        for key, value in self.common.items():
            self.common[key] = change(value) if isinstance(value, str) else value
        for key, value in self.keys.items():
            if isinstance(value, list):
                self.keys[key] = [change(one) if isinstance(one, str) else one for one in value]
            elif self._refers(key) and isinstance(value, str):
                self.keys[key] = change(value)

    def _refers(self, key: str) -> bool:
        """Whether a key names a tensor; an argument of a block may."""
        return self.op not in REGISTRY or isinstance(REGISTRY[self.op].arguments.get(key), Reference)


def walk(body: Body) -> Iterator[Item]:
    for item in body:
        yield from item.walk()


def text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "[" + ", ".join(map(text, value)) + "]" if isinstance(value, list) else str(value)


def renamed(body: Body, new_name: Callable[[], str]) -> Body:
    """A copy of layers with names of its own."""
    body = copy.deepcopy(body)
    names = {str(item.common["name"]): new_name() for item in walk(body) if "name" in item.common}

    def change(reference: str) -> str:
        name, dot, output = reference.partition(".")
        return names.get(name, name) + dot + output

    for item in walk(body):
        item.replace(change)
    return body


def outer_references(body: Body) -> list[str]:
    """The names that layers take from around them, as `encoder.h`."""
    defined = {str(item.common.get("name")) for item in walk(body)} | {"prev"}
    found = {name for item in walk(body) for name in item.references() if name[:1].isalpha()}
    return sorted(name for name in found if name.partition(".")[0] not in defined)
