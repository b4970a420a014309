"""Rows of a model file and the network that they form: channels of every row, names of rows that others read."""

from __future__ import annotations

import math
import re

from archcalc.diagnostics import Span, SpecError, fail
from archcalc.source import Node, Scalar, Sequence
from archcalc.sources.writing import Item, Spec, is_short

_MOST = 2**31


def refuse(place: Span, message: str, help: str | None = None) -> SpecError:
    """An error at a location in the file."""
    return fail("SPC017", message, place, help)


class Row:
    """`[from, repeats, module, args]`. Raises `SpecError` for anything else."""

    def __init__(self, node: Node) -> None:
        parts = node.items if isinstance(node, Sequence) else []
        if len(parts) != 4 or not isinstance(parts[2], Scalar) or not isinstance(parts[3], Sequence):
            raise refuse(node, "a row must be [from, repeats, module, args]")
        self.node = node
        self.module = parts[2]
        self.args = parts[3].items
        sources = parts[0].items if isinstance(parts[0], Sequence) else [parts[0]]
        self.sources = [_signed(source) for source in sources]
        if not self.sources:
            raise refuse(parts[0], "`from` must be the number of another row")
        self.repeats = _signed(parts[1])
        if not 1 <= self.repeats <= 1000:
            raise refuse(parts[1], "a row is 1 to 1,000 modules")

    def sources_at(self, index: int) -> list[int]:
        """The rows that row `index` reads, numbered from 0; the image is -1."""
        return [index + source if source < 0 else source for source in self.sources]

    def whole(self, position: int, default: int | None = None, least: int = 1) -> int:
        """An argument that is a whole number."""
        if position >= len(self.args) or _text(self.args[position]) == "None":
            if default is None:
                raise refuse(self.node, f"`{self.module.text}` needs another argument")
            return default
        number = _signed(self.args[position])
        if not least <= number <= _MOST:
            raise refuse(self.args[position], f"it must be a whole number from {least} to {_MOST:,}")
        return number

    def flag(self, position: int, default: bool) -> bool:
        """An argument that is true or false."""
        if position >= len(self.args):
            return default
        text = _text(self.args[position]).lower()
        if text not in ("true", "false"):
            raise refuse(self.args[position], "it must be True or False")
        return text == "true"

    def share(self, position: int, default: float) -> float:
        """An argument that is a number from 0 to 1."""
        if position >= len(self.args):
            return default
        text = _text(self.args[position])
        if not re.fullmatch(r"[01]?\.?\d{0,9}", text) or not text.strip(".") or not 0 < float(text) <= 1:
            raise refuse(self.args[position], "it must be a number above 0, at most 1")
        return float(text)

    def text(self, position: int) -> str:
        """An argument as written; empty if missing."""
        return _text(self.args[position]) if position < len(self.args) else ""

    def at_most(self, count: int) -> None:
        """Raises `SpecError` for more arguments than are known."""
        if len(self.args) > count:
            raise refuse(self.args[count], f"`{self.module.text}` has an unsupported extra argument")


class Network:
    """The network so far.

    Attributes:
        spec: the spec, to which rows add layers and blocks.
        channels: of the image, then of each row's output.
        classes, points: from the file.
        referred: the rows that rows other than the next one read.
        newer: whether a module of version 11 occurred, which has lighter heads.
        letter: the scale's letter in the name, which changes some modules.
    """

    def __init__(
        self, spec: Spec, depth: float, width: float, most: float, classes: int, points: tuple[int, int]
    ) -> None:
        self.spec = spec
        self.depth, self.width, self.most = depth, width, most
        self.classes, self.points = classes, points
        self.channels: list[int] = []
        self.referred: set[int] = set()
        self.newer = False
        match = re.match(r"yolo(?:e-)?v?\d+([a-z])(?![a-z])", spec.model)
        self.letter = match.group(1) if match else ""
        self._given = -1  # the row of the last layer

    @property
    def index(self) -> int:
        """The number of the next row."""
        return len(self.channels) - 1

    def scaled(self, channels: int) -> int:
        """Channels at the scale of the file: a multiple of 8."""
        return math.ceil(min(channels, self.most) * self.width / 8) * 8

    def copies(self, row: Row) -> int:
        """How many modules a row stands for at the scale of the file."""
        return max(round(row.repeats * self.depth), 1) if row.repeats > 1 else 1

    def inputs(self, row: Row) -> list[int]:
        """The channels of a row's input. Raises `SpecError` for a row that does not exist."""
        found = []
        for source in row.sources_at(self.index):
            if not -1 <= source < self.index:
                raise refuse(row.node, f"row {self.index} reads row {source}, but can only read earlier rows")
            found.append(self.channels[source + 1])
        return found

    def only_input(self, row: Row) -> int:
        """The channels of a row's only input."""
        found = self.inputs(row)
        if len(found) != 1:
            raise refuse(row.node, f"`{row.module.text}` must read exactly one row")
        return found[0]

    def operand(self, source: int) -> str:
        """The name of a row in the spec: `prev` for the last one."""
        if source == self._given:
            return "prev"
        return "input" if source == -1 else f"row{source}"

    def add(self, row: Row, items: list[Item], channels: int) -> None:
        """Adds the items of a row with this many output channels. Items that begin a chain read the row's input."""
        (source, *others) = row.sources_at(self.index)
        if not others and source != self._given and items and isinstance(items[0], str):
            items = [f"{items[0]} from={self.operand(source)}", *items[1:]]
        if self.index in self.referred:
            items = named(items, f"row{self.index}")
        self._append(items, follows=len(others) == 1 or source == self._given)
        self._given = self.index
        self.channels.append(channels)

    def _append(self, items: list[Item], follows: bool) -> None:
        """Puts items on a new line, or on the last one up to a name that others read."""
        layers = self.spec.layers
        before = layers[-1] if layers else None
        if follows and isinstance(before, list) and self._given not in self.referred and is_short([*before, *items]):
            layers[-1] = [*before, *items]
        else:
            layers.append(items)


def named(items: list[Item], name: str) -> list[Item]:
    """A chain whose last layer is named."""
    last = items[-1]
    if isinstance(last, dict):
        return [*items[:-1], {**last, "name": name}]
    return [*items[:-1], f"{last} name={name}"]


def words(line: str, **keys: object) -> str:
    """A line with its given keys: `cbs 64 k=3`."""
    return " ".join([line, *(f"{key}={value}" for key, value in keys.items() if value is not None)])


def _text(node: Node) -> str:
    return node.text if isinstance(node, Scalar) else ""


def _signed(node: Node) -> int:
    text = _text(node)
    if not re.fullmatch(r"-?\d{1,15}", text):
        raise refuse(node, "it must be a whole number")
    return int(text)
