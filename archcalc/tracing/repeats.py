"""Equal neighbours: which stretch of a list is repeated, and the single item that stands for it.

All copies of a stretch may read what lies outside by name; the layers of a copy are read only there, except for its
output: the next copy may read that by name too, and then begins with a layer `identity name=x`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from typing import Any

from archcalc.records import NamedTuple
from archcalc.tracing.block import Block
from archcalc.tracing.carried import carrying, repeat
from archcalc.tracing.expressions import Expression
from archcalc.tracing.graph import Node, Out
from archcalc.tracing.items import Body, Item, renamed
from archcalc.tracing.naming import references
from archcalc.tracing.typeset import Writer

# The longest stretch that is looked for, in items.
_MOST = 40


def repeated(blocks: Mapping[Body, Block], items: list[Item], start: Out | None, ends: Iterable[Node]) -> list[Item]:
    """The list with one item for each stretch that occurs several times in a row. `ends` are read elsewhere."""
    read = Counter(out.node for out in references(items))
    read.update(ends)
    return _Lists(blocks, read).shortened(items, start)


class _Lists:
    """The lists of one body. `read` says how often each node is read by name."""

    def __init__(self, blocks: Mapping[Body, Block], read: Counter[Node]) -> None:
        self.blocks = blocks
        self.read = read

    def shortened(self, items: list[Item], start: Out | None) -> list[Item]:
        """The list with repeats, including in inner lists. `start` is what its first item goes on from."""
        before = start
        for item in items:
            if item.operands is not None:
                item.operands = [self.shortened(one, before) if isinstance(one, list) else one for one in item.operands]
            if item.layers is not None:
                item.layers = self.shortened(item.layers, before)
            before = item.gives
        stretches = _Stretches(self, items, start)
        found: list[Item] = []
        at = 0
        while at < len(items):
            length, times = stretches.longest(at)
            if times > 1:
                found.append(self._repeat(items[at : at + length * times], length, times, stretches.before(at)))
                at += length * times
            else:
                found.append(items[at])
                at += 1
        return self._carried(found, start)

    def _carried(self, items: list[Item], start: Out | None) -> list[Item]:
        """The list with repeats that pass several tensors from copy to copy."""
        plain = _Stretches(self, items, start).plain
        found: list[Item] = []
        done = 0
        for stretch in carrying(items, plain, self.read):
            made = repeat(items, stretch)
            for first, _ in stretch.states:
                self._keep_blocks(items[stretch.at : stretch.at + stretch.length], first)
            self.read.subtract(out.node for out in references(made.copies))
            self.read.update(out.node for out in references([made]))
            found += [*items[done : stretch.at], made]
            done = stretch.at + len(made.copies)
        return [*found, *items[done:]]

    def _repeat(self, items: list[Item], length: int, times: int, before: Out | None) -> Item:
        """One item for a stretch of `length` items that occurs `times` times in a row."""
        first = items[:length]
        self._keep_blocks(first, before)
        reads_before = before is not None and before in [*references(first)]
        if length == 1 and not reads_before:
            found = copy(first[0])
            found.count = times * found.count
        else:
            found = Item(None)
            found.layers = first
            found.count = times
        found.copies = items
        if before is not None and reads_before:
            heads = [Node("identity", before.sizes, None, [before], {}) for _ in range(times)]
            name = Out(heads[0])
            found.layers = [Item(name, heads[0]), *renamed(first, before, name)]
            found.copies = [
                one
                for at, head in enumerate(heads)
                for one in (Item(Out(head), head), *items[at * length : (at + 1) * length])
            ]
        found.gives = items[-1].gives
        self.read.subtract(out.node for out in references(items))
        self.read.update(out.node for out in references([found]))
        return found

    def _keep_blocks(self, items: list[Item], before: Out | None) -> None:
        """Keep blocks whose copies name their start: it is called `input` in a block, and has no other name."""
        for item in _each(items):
            if item.body is not None and before in item.beside:
                self.blocks[item.body].is_kept = True
            if item.body is not None and item.body.start == before:
                block = self.blocks[item.body]
                block.is_kept = block.is_kept or before in [*references(item.body.items)]
                self._keep_blocks(item.body.items, before)


class _Stretch(NamedTuple):
    """Items in a row: their text; how often they read by name what they go on from; how often their output is read
    elsewhere; and whether nothing else in them is read elsewhere."""

    text: str
    before: int
    after: int
    is_closed: bool


class _Stretches:
    """Stretches of one list, each with its text."""

    def __init__(self, lists: _Lists, items: list[Item], start: Out | None) -> None:
        self.lists = lists
        self.items = items
        self.start = start
        self.plain: list[str] = [self._text([item], {}) for item in items]
        self.found: dict[tuple[int, int], _Stretch] = {}

    def before(self, at: int) -> Out | None:
        """What the item at this index goes on from."""
        return self.items[at - 1].gives if at else self.start

    def longest(self, at: int) -> tuple[int, int]:
        """The repeated stretch from `at` on: its length, and how often in a row; the longest in total wins."""
        best = (1, 1)
        for length in range(1, min(_MOST, (len(self.items) - at) // 2) + 1):
            times = self._times(at, length)
            if times > 1 and length * (times - 1) > best[0] * (best[1] - 1):
                best = (length, times)
        return best

    def _times(self, at: int, length: int) -> int:
        wanted = self.plain[at : at + length]
        if self.plain[at + length : at + 2 * length] != wanted:
            return 1
        one = self._stretch(at, length)
        times = 1
        while one.is_closed and self.plain[at + length * times : at + length * (times + 1)] == wanted:
            other = self._stretch(at + length * times, length)
            if other.text != one.text or not other.is_closed or one.after > other.before:
                break
            one = other
            times += 1
        return times

    def _stretch(self, at: int, length: int) -> _Stretch:
        key = (at, length)
        if key not in self.found:
            items = self.items[at : at + length]
            outs = list(references(items))
            within = Counter(out.node for out in outs)
            inside = {item.gives.node for item in _each(items) if item.gives is not None}
            before = self.before(at)
            start = before.node if before is not None and before.node not in inside else None
            if any(out.node is start and out != before for out in outs):
                start = None
            names = {
                node: f"i{index}" if node in inside else "before" if node is start else f"o{id(node)}"
                for index, node in enumerate(within)
            }
            read = {node for node in inside if self.lists.read[node] > within[node]}
            end = items[-1].gives.node if items[-1].gives is not None else None
            self.found[key] = _Stretch(
                self._text(items, names),
                0 if start is None else within[start],
                0 if end is None else self.lists.read[end] - within[end],
                not read - {end},
            )
        return self.found[key]

    def _text(self, items: list[Item], names: dict[Node, str]) -> str:
        numbers: list[Any] = []

        def take(value: Any, key: str) -> Expression:
            numbers.append(value)
            return Expression(value)

        return f"{Writer(self.lists.blocks, None, names).written(items, take)}{numbers}"


def has_tie(items: list[Item]) -> bool:
    """Whether a layer is tied to another one's weights."""
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
