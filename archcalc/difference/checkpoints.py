"""What becomes of a checkpoint: how many of its state-dict keys have another name or shape in the new network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod

from archcalc.difference.matching import Matching
from archcalc.difference.record import LayerRecord, Level

Shapes = dict[str, tuple[int, ...]]


class Checkpoints:
    """Numbers of state-dict keys: parameters and buffers, counted for each copy, tied ones once.

    Attributes:
        total: all keys of the base.
        renamed: keys of a layer that both have, under another name in the head.
        reshaped: keys in both, with another shape.
        gone: keys only in the base; new: keys only in the head.
    """

    def __init__(self) -> None:
        self.total = self.renamed = self.reshaped = self.gone = self.new = 0

    @property
    def fits(self) -> bool:
        """Whether a state dict of the base can be loaded as it is."""
        return not (self.renamed or self.reshaped or self.gone or self.new)


def checkpoints(matching: Matching) -> Checkpoints:
    """Count the keys of the base's state dict, and how they relate to those that the head expects."""
    found = Checkpoints()
    found.total = sum(_count(record) for record in matching.base)
    gone: dict[str, list[tuple[int, tuple[int, ...]]]] = {}
    for x, record in enumerate(matching.base):
        y = matching.to_head[x]
        if y is None:
            for name, copies, shape in _keys(record):
                gone.setdefault(name, []).append((copies, shape))
        elif (record.pattern, record.stored) != ((new := matching.head[y]).pattern, new.stored):
            _pair(record, new, found)
    lost = sum(copies for entries in gone.values() for copies, _ in entries)
    for y, record in enumerate(matching.head):
        if matching.to_base[y] is not None:
            continue
        for name, copies, shape in _keys(record):
            # another layer that has the name of a removed one
            entries = gone.get(name)
            same = min(copies, entries[0][0]) if entries else 0
            if entries and same:
                found.reshaped += same * (entries[0][1] != shape)
                entries[0] = (entries[0][0] - same, entries[0][1])
                lost -= same
            found.new += copies - same
    found.gone += lost
    return found


def _count(record: LayerRecord) -> int:
    return sum((_copies(levels) if levels else 1) * len(shapes) for levels, shapes in record.stored)


def _copies(levels: Iterable[Level]) -> int:
    return prod(number for _, _, number in levels)


def _keys(record: LayerRecord) -> Iterator[tuple[str, int, tuple[int, ...]]]:
    for levels, shapes in record.stored:
        for name, shape in shapes.items():
            yield f"{record.pattern}.{name}", _copies(levels), shape


def _pair(old: LayerRecord, new: LayerRecord, found: Checkpoints) -> None:
    """Count what became of the keys of one layer."""
    before, after = _copies(old.levels), _copies(new.levels)
    names = [set().union(*(shapes for _, shapes in record.stored)) for record in (old, new)]
    common = names[0] & names[1]
    kept = min(before, after)
    found.gone += _count(old) - kept * len(common)
    found.new += _count(new) - kept * len(common)
    found.renamed += len(common) * (kept - _same_names(old, new, kept))
    for copies, shapes, others in _runs(old, new):
        found.reshaped += copies * sum(shapes[name] != others[name] for name in common)


def _same_names(old: LayerRecord, new: LayerRecord, kept: int) -> int:
    """How many copies have the same path in both."""
    if old.pattern != new.pattern or len(old.levels) != len(new.levels):
        return 0
    overlap = 1
    for (_, first, number), (_, other, more) in zip(old.levels, new.levels):
        overlap *= max(0, min(first + number, other + more) - max(first, other))
    return min(kept, overlap)


def _runs(old: LayerRecord, new: LayerRecord) -> Iterator[tuple[int, Shapes, Shapes]]:
    """Runs of copies with the same shapes on both sides: their number and the shapes."""
    sides = [[(_copies(levels), shapes) for levels, shapes in record.stored] for record in (old, new)]
    while sides[0] and sides[1]:
        (before, shapes), (after, others) = sides[0][0], sides[1][0]
        copies = min(before, after)
        yield copies, shapes, others
        for side, number, entry in ((sides[0], before, shapes), (sides[1], after, others)):
            side[:1] = [(number - copies, entry)] if number > copies else []
