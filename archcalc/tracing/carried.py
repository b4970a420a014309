"""Repeats with states: stretches of a list of layers that pass several tensors from copy to copy, as a network with
branches of several resolutions does, or one whose words and letters go through the same blocks.

Wherever a copy names a tensor, every copy names a layer of its own, or the same tensor from outside, or a layer of the
copy before it. The last kind is a state, and what the first copy names there is its start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain

from archcalc.records import NamedTuple
from archcalc.tracing.graph import Node, Out
from archcalc.tracing.items import Item, State, renamed
from archcalc.tracing.naming import base, references

# The longest stretch to look for, in items; how many items a repeat must save to be worth its own lines; and of how many
# stretches with the same text one copy may consist, as all steps of an unrolled loop have the same text.
_MOST = 400
_WORTH = 5
_ALIKE = 8


class Found(NamedTuple):
    """A stretch of `length` items that is repeated from `at` on, with its states: the start of each, and the layer of a copy
    that gives its next value."""

    at: int
    length: int
    times: int
    states: list[tuple[Out, int]]

    @property
    def saved(self) -> int:
        """How many items a repeat saves, minus those that its states take."""
        return self.length * (self.times - 1) - len(self.states)


def carrying(items: list[Item], plain: Sequence[str], read: Counter[Node]) -> Iterator[Found]:
    """The stretches to repeat, in order, none of them in another. `plain` is each item's text without names."""
    row = _Row(items, plain, read)
    at = 0
    while at < len(items):
        best = row.best(at)
        if best is None or best.saved < _WORTH:
            at += 1
            continue
        yield best
        at = best.at + best.length * best.times


def repeat(items: list[Item], found: Found) -> Item:
    """One item for a stretch with states."""
    size = found.length
    copies = [items[found.at + index * size : found.at + (index + 1) * size] for index in range(found.times)]
    first, last = (_inside(copies[index]) for index in (0, -1))
    made = Item(copies[-1][-1].gives)
    made.layers = copies[0]
    made.count = found.times
    made.copies = [one for copy in copies for one in copy]
    for start, at in found.states:
        stand_in = Node("input", start.sizes, None, [], {"state": base(first[at])})
        made.layers = renamed(made.layers, start, Out(stand_in))
        made.states.append(State(stand_in, start, Out(first[at]), Out(last[at])))
    return made


class _Row:
    """A list of items, with what each has inside and reads by name."""

    def __init__(self, items: list[Item], plain: Sequence[str], read: Counter[Node]) -> None:
        numbers: dict[str, int] = {}
        self.signs = [numbers.setdefault(text, len(numbers)) for text in plain]
        self.inside = [_inside([item]) for item in items]
        self.names = [list(references([item])) for item in items]
        self.ends = [item.gives.node if item.gives is not None else None for item in items]
        self.read = read
        self.equal: dict[int, list[int]] = {}
        self.stretches: dict[tuple[int, int], Found | None] = {}

    def best(self, at: int) -> Found | None:
        """The stretch that saves most, of those that begin in the first copy of one that begins here."""
        found: Found | None = None
        count = len(self.signs)
        shortest = 0
        for length in range(2, min(_MOST, (count - at) // 2) + 1):
            if self.signs[at] == self.signs[at + length] and self._equal(length)[at] >= length:
                shortest = shortest or length
                if length > _ALIKE * shortest and length % shortest == 0:
                    continue
                for start in range(at, min(at + length, count - 2 * length + 1)):
                    if (start, length) not in self.stretches:
                        self.stretches[start, length] = self._stretch(start, length)
                    one = self.stretches[start, length]
                    if one is not None and (found is None or one.saved > found.saved):
                        found = one
        return found

    def _equal(self, length: int) -> list[int]:
        """For each item, how many items from there on have the same text as those a given distance further down."""
        if length not in self.equal:
            run = 0
            found = [0] * len(self.signs)
            for at in range(len(self.signs) - length - 1, -1, -1):
                run = run + 1 if self.signs[at] == self.signs[at + length] else 0
                found[at] = run
            self.equal[length] = found
        return self.equal[length]

    def _stretch(self, at: int, length: int) -> Found | None:
        """The largest number of copies from there on that one repeat can replace; None if there are none."""
        most = 1 + self._equal(length)[at] // length
        places, slots = self._copies(at, length, min(2, most))
        if most < 2 or not _states(places, slots):
            return None  # what holds for some copies holds for the first two
        places, slots = self._copies(at, length, most)
        times, beyond = 2, most + 1
        while beyond - times > 1:
            middle = (times + beyond) // 2
            times, beyond = (middle, beyond) if _states(places[:middle], slots[:middle]) else (times, middle)
        while times > 1:
            states = _states(places[:times], slots[:times]) or []
            end = self.ends[at + length * times - 1]
            open_one = self._open(places[:times], slots[:times], {place for _, place in states}, end)
            if open_one is None:
                return Found(at, length, times, states)
            times = min(times - 1, open_one + 1)  # with more copies it stays open, unless it is the last
        return None

    def _copies(self, at: int, length: int, times: int) -> tuple[list[dict[Node, int]], list[list[Out]]]:
        """Of each copy, the place of every layer in it, and what its layers read."""
        spans = [slice(at + length * index, at + length * (index + 1)) for index in range(times)]
        copies = (chain.from_iterable(self.inside[span]) for span in spans)
        places = [{node: index for index, node in enumerate(copy)} for copy in copies]
        return places, [list(chain.from_iterable(self.names[span])) for span in spans]

    def _open(
        self, places: list[dict[Node, int]], slots: list[list[Out]], states: set[int], end: Node | None
    ) -> int | None:
        """The first copy with a layer that is also read elsewhere; states, and the end of the last copy, may be."""
        there = Counter(out.node for outs in slots for out in outs)
        for index, copy in enumerate(places):
            for node, place in copy.items():
                is_given = index == len(places) - 1 and (place in states or node is end)
                if self.read[node] != there[node] and not is_given:
                    return index
        return None


def _states(places: list[dict[Node, int]], slots: list[list[Out]]) -> list[tuple[Out, int]] | None:
    """The states of these copies; None if a name in them is neither a layer, nor a state, nor a tensor from outside."""
    states: dict[tuple[Out, int], None] = {}
    others: set[Out] = set()
    for outs in zip(*slots):
        own = {places[index].get(out.node) for index, out in enumerate(outs)}
        if len(own) == 1 and None not in own:
            continue
        if len(set(outs)) == 1:
            others.add(outs[0])
            continue
        before = {places[index].get(out.node) for index, out in enumerate(outs[1:])}
        (place, *more) = before
        is_early = all(outs[0].node not in copy for copy in places)
        if more or place is None or not is_early or any(out.name for out in outs[1:]):
            return None
        states[outs[0], place] = None
    starts = [start for start, _ in states]
    # A tensor that starts two states, or that all copies also read as it is, would have two names in the first copy.
    return list(states) if len(set(starts)) == len(starts) and not others & set(starts) else None


def _inside(items: Sequence[Item]) -> list[Node]:
    """The layers of a copy that others can name, in order."""
    found: dict[Node, None] = {}
    for item in items:
        for inner in item.inner():
            found.update(dict.fromkeys(_inside(inner)))
        if item.gives is not None and item.gives.node.op != "input":
            found[item.gives.node] = None
    return list(found)
