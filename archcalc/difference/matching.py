"""Which layer of one network corresponds to which layer of another.

First, layers that compute the same from the same inputs, or whose outputs take the same path to the end,
are paired wherever they are: reordered branches are the same branches. Between these, layers of equal
content, name or kind are paired in order. Of the rest, layers in one place that read and feed the same
layers replace one another.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Any

from archcalc.difference.alignment import align, ascending
from archcalc.difference.record import LayerRecord
from archcalc.layers.base import REGISTRY

# A layer without weights and name that moved this far counts as another layer.
_NEAR = 30


class Matching:
    """Pairs of layers of two lists.

    Attributes:
        to_head: for each layer of the base its place in the head, or None; to_base: the other way.
    """

    def __init__(self, base: Sequence[LayerRecord], head: Sequence[LayerRecord]) -> None:
        self.base = base
        self.head = head
        self.to_head: list[int | None] = [None] * len(base)
        self.to_base: list[int | None] = [None] * len(head)

    def pair(self, x: int, y: int) -> None:
        """Pair base[x] with head[y]."""
        self.to_head[x], self.to_base[y] = y, x

    def pairs(self) -> list[tuple[int, int]]:
        """All pairs, in the order of the base."""
        return [(x, y) for x, y in enumerate(self.to_head) if y is not None]

    def out_of_order(self) -> list[tuple[int, int]]:
        """The fewest pairs whose removal leaves all others in the same order on both sides."""
        pairs = self.pairs()
        kept = {*ascending(pairs)} if pairs else set()
        return [pair for pair in pairs if pair not in kept]

    def rest(self) -> tuple[list[int], list[int]]:
        """The unpaired layers of the base and of the head."""
        return [x for x, y in enumerate(self.to_head) if y is None], [
            y for y, x in enumerate(self.to_base) if x is None
        ]


def match(base: Sequence[LayerRecord], head: Sequence[LayerRecord]) -> Matching:
    """Pair the layers of two networks."""
    found = Matching(base, head)
    numbers: dict[Hashable, int] = {}
    pasts, futures = ([side(records, numbers) for records in (base, head)] for side in (_pasts, _futures))
    both = [list(zip(past, future)) for past, future in zip(pasts, futures)]
    for keys in (both, pasts, futures):
        _by_key(found, keys[0], keys[1])
    gaps = list(_gaps(found))
    for x, y in gaps:
        _between(found, x, y, 0)
    _in_place(found)
    _elsewhere(found)
    return found


def _pasts(records: Sequence[LayerRecord], numbers: dict[Hashable, int]) -> list[int]:
    """A number per layer, equal for layers that compute the same from the same inputs, in any order."""
    past: list[int] = []
    for index, record in enumerate(records):
        reads: list[Hashable] = [
            (past[source] if isinstance(source, int) and source < index else _forward(records, source), part, again)
            for source, part, again in record.reads
        ]
        if len(reads) > 1:
            reads.sort(key=repr)
        key: Hashable = ("past", record.content, tuple(reads), tuple([name for name, _ in record.ties]))
        past.append(numbers.setdefault(key, len(numbers)))
    return past


def _forward(records: Sequence[LayerRecord], source: int | str) -> Hashable:
    """A read of a later layer, in the previous copy, or of an input by name."""
    return records[source].content if isinstance(source, int) else source


def _futures(records: Sequence[LayerRecord], numbers: dict[Hashable, int]) -> list[int]:
    """A number per layer, equal for layers whose outputs are used in the same way."""
    readers = consumers(records)
    future = [0] * len(records)
    for index in range(len(records) - 1, -1, -1):
        after = tuple(sorted({future[reader] for reader in readers[index]}))
        future[index] = numbers.setdefault(("future", records[index].content, after), len(numbers))
    return future


def consumers(records: Sequence[LayerRecord]) -> list[list[int]]:
    """For each layer, the later layers that read it."""
    readers: list[list[int]] = [[] for _ in records]
    for index, record in enumerate(records):
        for source, _, _ in record.reads:
            if isinstance(source, int) and source < index:
                readers[source].append(index)
    return readers


def _by_key(found: Matching, base: Sequence[Hashable], head: Sequence[Hashable]) -> None:
    """Pair layers of equal keys: among several, first those with equal ids, then in order."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    for y in found.rest()[1]:
        places[head[y]].append(y)
    wanting: dict[Hashable, list[int]] = defaultdict(list)
    for x in found.rest()[0]:
        if base[x] in places:
            wanting[base[x]].append(x)
    for key, ours in wanting.items():
        theirs = places[key]
        if len(ours) > 1 or len(theirs) > 1:
            ids = {found.head[y].id: y for y in theirs}
            for x in ours:
                if found.base[x].id in ids:
                    found.pair(x, ids[found.base[x].id])
            ours = [x for x in ours if found.to_head[x] is None]
            theirs = [y for y in theirs if found.to_base[y] is None]
        for x, y in zip(ours, theirs):
            found.pair(x, y)


def _gaps(found: Matching) -> Iterable[tuple[list[int], list[int]]]:
    """The unpaired layers of both sides, between consecutive pairs that are in order on both."""
    i = k = 0
    pairs = found.pairs()
    for x, y in [*(ascending(pairs) if pairs else []), (len(found.base), len(found.head))]:
        before = [one for one in range(i, x) if found.to_head[one] is None]
        after = [one for one in range(k, y) if found.to_base[one] is None]
        if before and after:
            yield before, after
        i, k = x + 1, y + 1


def _between(found: Matching, xs: Sequence[int], ys: Sequence[int], step: int) -> None:
    """Pair the layers of a gap in order, by each of `_TOKENS` in turn."""
    if not xs or not ys or step == len(_TOKENS):
        return
    token = _TOKENS[step]
    before, after = [token(found.base[x]) for x in xs], [token(found.head[y]) for y in ys]
    i = k = 0
    for x, y in [*align(before, after), (len(xs), len(ys))]:
        _between(found, xs[i:x], ys[k:y], step + 1)
        if x < len(xs) and (step < len(_TOKENS) - 1 or _may_be_same(found.base[xs[x]], found.head[ys[y]])):
            found.pair(xs[x], ys[y])
        i, k = x + 1, y + 1


def _unnamed(record: LayerRecord) -> Hashable:
    return record.name or id(record)


def _weighty(record: LayerRecord) -> Hashable:
    return (record.content, record.name) if record.stored or record.params else id(record)


# What makes layers of a gap a pair; layers with weights anchor the others.
_TOKENS: tuple[Callable[[LayerRecord], Hashable], ...] = (
    _weighty,
    lambda record: (record.content, record.name),
    lambda record: record.content,
    lambda record: (record.op, record.name),
    _unnamed,
    lambda record: record.op,
)


def _may_be_same(old: LayerRecord, new: LayerRecord) -> bool:
    """Whether layers of one kind with different keys may be the same: not if each has its own name."""
    return old.name is None or new.name is None or old.name == new.name


def sources(records: Sequence[LayerRecord], others: Sequence[int | None]) -> list[frozenset[Any]]:
    """For each layer, what its readers see once unpaired layers are removed: itself, or what it reads."""
    seen: list[frozenset[Any]] = []
    for index, record in enumerate(records):
        if others[index] is not None:
            seen.append(frozenset((index,)))
            continue
        through: set[Any] = set()
        for source, _, _ in record.reads:
            if isinstance(source, str):
                through.add(source)
            elif source < index:
                through |= seen[source]
        seen.append(frozenset(through))
    return seen


def _ends(records: Sequence[LayerRecord], others: Sequence[int | None]) -> list[frozenset[int]]:
    """For each layer, the first paired layers that its output reaches."""
    readers = consumers(records)
    seen: list[frozenset[int]] = [frozenset()] * len(records)
    for index in range(len(records) - 1, -1, -1):
        found: set[int] = set()
        for reader in readers[index]:
            found |= {reader} if others[reader] is not None else seen[reader]
        seen[index] = frozenset(found)
    return seen


def _in_place(found: Matching) -> None:
    """Pair layers that read and feed the same: first within a family, then in places with as many on both sides."""
    places: dict[Hashable, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    xs, ys = found.rest()
    if not xs or not ys:
        return
    sides = ((xs, found.base, found.to_head), (ys, found.head, found.to_base))
    for side, (rest, records, others) in enumerate(sides):
        before, after = sources(records, others), _ends(records, others)
        for index in rest:
            reads = frozenset().union(
                *(before[one] if isinstance(one, int) else {one} for one, _, _ in records[index].reads if one != index)
            )
            if side:
                key = (frozenset(found.to_base[one] if isinstance(one, int) else one for one in reads),
                       frozenset(found.to_base[one] for one in after[index]))  # fmt: skip
            else:
                key = (reads, after[index])
            places[key][side].append(index)
    for before_, after_ in places.values():
        families = align([_family(found.base[x]) for x in before_], [_family(found.head[y]) for y in after_])
        for i, k in families:
            found.pair(before_[i], after_[k])
        left = [x for x in before_ if found.to_head[x] is None], [y for y in after_ if found.to_base[y] is None]
        if len(left[0]) == len(left[1]):
            for x, y in zip(*left):
                found.pair(x, y)


def _family(record: LayerRecord) -> str:
    layer = REGISTRY.get(record.op)
    return layer.family if layer else ""


def _elsewhere(found: Matching) -> None:
    """Pair layers that moved: those with weights or a name, and others that did not move far."""
    ys = found.rest()[1]
    places: dict[Hashable, deque[int]] = defaultdict(deque)
    for y in ys:
        places[found.head[y].content, found.head[y].name].append(y)
    last = 0
    for x, y_ in enumerate(found.to_head):
        if y_ is not None:
            last = y_
            continue
        record = found.base[x]
        waiting = places.get((record.content, record.name))
        if waiting and (record.name or record.stored or record.params or abs(waiting[0] - last) <= _NEAR):
            found.pair(x, waiting.popleft())
