"""Names in generated source: classes, attributes and variables that do not clash."""

from __future__ import annotations

import heapq
import keyword
import re
from collections.abc import Collection

from archcalc.network.graph import Node
from archcalc.pytorch.items import Item


class BuildError(Exception):
    """A network that cannot be written as a module yet; the message names the layer."""


def unlike(node: Node) -> str:
    """Why copies cannot be written of which one reads what only the others get."""
    what = "copies that read different outputs of the copy before them cannot be written yet"
    return f"{node.id}: {what}: put them one below the other instead of a repeat"


# Names that a generated file itself uses where a variable or parameter could stand.
_TAKEN = frozenset(
    [
        "self",
        "super",
        "torch",
        "nn",
        "F",
        "math",
        "range",
        "reversed",
        "zip",
        "layer",
        "probe",
        "rotate",
        "tie_weights",
        "i",
        "_",
    ]
)


def class_name(name: str) -> str:
    """`bottleneck_proj` -> `BottleneckProj`; a leading digit gets a word before it."""
    words = re.split(r"[^A-Za-z0-9]+", name)
    text = "".join(word[:1].upper() + word[1:] for word in words if word)
    if keyword.iskeyword(text) or text == "F":
        return f"{text}Layers"
    return text if text[:1].isalpha() else f"Net{text}"


def unique(name: str, taken: Collection[str]) -> str:
    """`name`, with a number appended if it is taken."""
    found, index = name, 2
    while found in taken:
        found, index = f"{name}{index}", index + 1
    return found


def identifier(name: str) -> str:
    """`name` as a variable that is neither a keyword nor one of the file's imports."""
    text = re.sub(r"\W", "_", name, flags=re.ASCII)
    return f"{text}_" if keyword.iskeyword(text) or text in _TAKEN or not text.isidentifier() else text


class Variables:
    """What each variable of one `forward` holds; variables are reused as soon as nothing needs them.

    Args:
        last_use: for the id of each item, the step after which nothing reads it.
    """

    def __init__(self, last_use: dict[int, int]) -> None:
        self.last_use = last_use
        self.holds: dict[str, set[int]] = {}
        self.where: dict[int, str] = {}
        self._places: dict[str, int] = {}  # x, y, z, x1, ...: as many as were needed
        self._names: list[str] = []
        self._near: list[int] = []  # a heap of the places that may be free
        self._later: list[tuple[int, int]] = []  # and of those that are not, by the step after which they are free

    def bind(self, name: str, *items: Item) -> None:
        """`name` now holds these and nothing else."""
        self.holds[name] = {id(item) for item in items}
        self.where.update({id(item): name for item in items})
        if name in self._places:
            heapq.heappush(self._near, self._places[name])

    def derive(self, item: Item, name: str, expression: str) -> None:
        """`item` is an expression of the variable `name`."""
        self.holds[name].add(id(item))
        self.where[id(item)] = expression

    def is_read_after(self, item: Item, step: int) -> bool:
        """Whether a later step reads it, or the class returns it."""
        return self.last_use.get(id(item), -1) > step

    def choose(self, step: int, wanted: list[str], avoid: Collection[str] = ()) -> str:
        """A free variable for what `step` gives: one of `wanted`, or the first of x, y, z, x1, ..."""
        for name in wanted:
            if name not in avoid and self.until(name) <= step:
                return name
        while self._later and self._later[0][0] <= step:
            heapq.heappush(self._near, heapq.heappop(self._later)[1])
        passed = []
        while True:
            place = self._next()
            name = self._names[place]
            until = self.until(name)
            if until > step:
                heapq.heappush(self._later, (until, place))
                continue
            passed.append(place)
            if name not in avoid:
                break
        for place in passed:
            heapq.heappush(self._near, place)
        return name

    def _next(self) -> int:
        """The first place that may be free, or a new one if none may."""
        if not self._near:
            place = len(self._names)
            self._names.append("xyz"[place] if place < 3 else f"x{place - 2}")
            self._places[self._names[place]] = place
            return place
        place = heapq.heappop(self._near)
        while self._near and self._near[0] == place:
            heapq.heappop(self._near)
        return place

    def until(self, name: str) -> int:
        """The step after which nothing reads what a variable holds."""
        return max((self.last_use.get(item, -1) for item in self.holds.get(name, ())), default=-1)
