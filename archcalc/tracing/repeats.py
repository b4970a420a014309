"""Equal neighbours: which stretch of a list is repeated, and the one item that stands for it.

What lies outside a stretch may be read by name in all of its copies; what lies in a copy is read there alone, but for
what the last one gives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from typing import Any

from archcalc.tracing.block import Block
from archcalc.tracing.expressions import Expression
from archcalc.tracing.graph import Node
from archcalc.tracing.items import Body, Item
from archcalc.tracing.naming import references
from archcalc.tracing.typeset import Writer

# So many items in a row are looked for at most.
_MOST = 12


def repeated(blocks: Mapping[Body, Block], items: list[Item], ends: Iterable[Node]) -> list[Item]:
    """A list with one item for each stretch that stands several times in a row. `ends` are read by somebody else."""
    read = Counter(out.node for out in references(items))
    read.update(ends)
    return _Lists(blocks, read).shortened(items)


class _Lists:
    """The lists of one body. `read` says how often each node is read by name."""

    def __init__(self, blocks: Mapping[Body, Block], read: Counter[Node]) -> None:
        self.blocks = blocks
        self.read = read

    def shortened(self, items: list[Item]) -> list[Item]:
        """With repeats, in the lists inside as well."""
        for item in items:
            if item.operands is not None:
                item.operands = [self.shortened(one) if isinstance(one, list) else one for one in item.operands]
            if item.layers is not None:
                item.layers = self.shortened(item.layers)
        stretches = _Stretches(self, items)
        found: list[Item] = []
        at = 0
        while at < len(items):
            length, times = stretches.longest(at)
            if times > 1:
                found.append(_repeat(items[at : at + length * times], length, times))
                at += length * times
            else:
                found.append(items[at])
                at += 1
        return found


class _Stretches:
    """Stretches of one list, and what each is as text."""

    def __init__(self, lists: _Lists, items: list[Item]) -> None:
        self.lists = lists
        self.items = items
        self.plain = [None if has_tie([item]) else self._text([item], {}) for item in items]
        self.texts: dict[tuple[int, int], tuple[str, bool, bool]] = {}

    def longest(self, at: int) -> tuple[int, int]:
        """The stretch from `at` on that is repeated: how long, and how often in a row; the longest together wins."""
        best = (1, 1)
        for length in range(1, min(_MOST, (len(self.items) - at) // 2) + 1):
            times = self._times(at, length)
            if times > 1 and length * (times - 1) > best[0] * (best[1] - 1):
                best = (length, times)
        return best

    def _times(self, at: int, length: int) -> int:
        wanted = self.plain[at : at + length]
        if None in wanted or self.plain[at + length : at + 2 * length] != wanted:
            return 1
        text, is_closed, _ = self._stretch(at, length)
        times = 1
        while is_closed and self.plain[at + length * times : at + length * (times + 1)] == wanted:
            other, is_closed, but_last = self._stretch(at + length * times, length)
            if other != text or not but_last:
                break
            times += 1
        return times

    def _stretch(self, at: int, length: int) -> tuple[str, bool, bool]:
        """A stretch as text, whether nothing outside reads what is in it, and whether that holds but for its end."""
        key = (at, length)
        if key not in self.texts:
            items = self.items[at : at + length]
            within = Counter(out.node for out in references(items))
            inside = {item.gives.node for item in _each(items) if item.gives is not None}
            names = {node: f"i{index}" if node in inside else f"o{id(node)}" for index, node in enumerate(within)}
            read = {node for node in inside if self.lists.read[node] > within[node]}
            end = items[-1].gives
            but_last = not read - ({end.node} if end is not None else set())
            self.texts[key] = self._text(items, names), not read, but_last
        return self.texts[key]

    def _text(self, items: list[Item], names: dict[Node, str]) -> str:
        numbers: list[Any] = []

        def take(value: Any, key: str) -> Expression:
            numbers.append(value)
            return Expression(value)

        return f"{Writer(self.lists.blocks, None, names).written(items, take)}{numbers}"


def has_tie(items: list[Item]) -> bool:
    """Whether a layer has the weights of another one."""
    return any(
        (item.node is not None and item.node.tie is not None)
        or (item.body is not None and has_tie(item.body.items))
        or any(has_tie(inner) for inner in item.inner())
        for item in items
    )


def _each(items: list[Item]) -> Iterator[Item]:
    for item in items:
        yield item
        for inner in item.inner():
            yield from _each(inner)


def _repeat(items: list[Item], length: int, times: int) -> Item:
    """One item for a stretch of so many that stands so often."""
    if length == 1:
        item = copy(items[0])
        item.copies = [*items]
        item.count = times * item.count
        item.gives = items[-1].gives
        return item
    found = Item(items[-1].gives)
    found.layers = items[:length]
    found.copies = [*items]
    found.count = times
    return found
