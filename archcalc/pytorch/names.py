"""Names in generated source: classes, attributes and variables that do not clash."""

from __future__ import annotations

import itertools
import keyword
import re
from collections.abc import Collection

from archcalc.pytorch.structure import Item


class BuildError(Exception):
    """A network that cannot be written as a module yet; the message names the layer."""


# What a generated file uses itself where a variable or parameter could stand.
_TAKEN = frozenset(
    ["self", "super", "torch", "nn", "F", "math", "range", "layer", "probe", "rotate", "tie_weights", "i", "_"]
)


def class_name(name: str) -> str:
    """`bottleneck_proj` -> `BottleneckProj`; a leading digit gets a word before it."""
    words = re.split(r"[^A-Za-z0-9]+", name)
    text = "".join(word[:1].upper() + word[1:] for word in words if word)
    if keyword.iskeyword(text) or text == "F":
        return f"{text}Layers"
    return text if text[:1].isalpha() else f"Net{text}"


def unique(name: str, taken: Collection[str]) -> str:
    """`name`, with a number where it is taken."""
    found, index = name, 2
    while found in taken:
        found, index = f"{name}{index}", index + 1
    return found


def identifier(name: str) -> str:
    """`name` as a variable that is neither a keyword nor one of the file's imports."""
    text = re.sub(r"\W", "_", name, flags=re.ASCII)
    return f"{text}_" if keyword.iskeyword(text) or text in _TAKEN or not text.isidentifier() else text


class Variables:
    """Which variable holds what in one `forward`, reused as soon as nothing needs it.

    Args:
        last_use: for the id of each item the step after which nothing reads it.
    """

    def __init__(self, last_use: dict[int, int]) -> None:
        self.last_use = last_use
        self.holds: dict[str, set[int]] = {}
        self.where: dict[int, str] = {}

    def bind(self, name: str, *items: Item) -> None:
        """`name` now holds these and nothing else."""
        self.holds[name] = {id(item) for item in items}
        self.where.update({id(item): name for item in items})

    def derive(self, item: Item, name: str, expression: str) -> None:
        """`item` is had by an expression of the variable `name`."""
        self.holds[name].add(id(item))
        self.where[id(item)] = expression

    def is_read_after(self, item: Item, step: int) -> bool:
        """Whether a later step reads it, or the class gives it."""
        return self.last_use.get(id(item), -1) > step

    def choose(self, step: int, wanted: list[str], avoid: Collection[str] = ()) -> str:
        """A free variable for what `step` gives: one of `wanted`, or the first of x, y, z, x1, ..."""
        candidates = itertools.chain(wanted, "xyz", (f"x{index}" for index in itertools.count(1)))
        return next(name for name in candidates if name not in avoid and self._is_free(name, step))

    def _is_free(self, name: str, step: int) -> bool:
        return all(self.last_use.get(item, -1) <= step for item in self.holds.get(name, ()))
