"""Layers and blocks that have another name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod

from archcalc.difference.record import LayerRecord


class Renaming:
    """A name that became another one.

    Attributes:
        before, after: the names; "" where layers are now inside a block that was not around them, or no longer are.
        pairs: the path before and after, for each place that was renamed alike, and how many copies there are.
        layers: how many layers are inside, or are it.
    """

    def __init__(self, before: str, after: str) -> None:
        self.before = before
        self.after = after
        self.pairs: dict[tuple[str, str], int] = {}
        self.layers = 0


def renamings(pairs: Iterable[tuple[LayerRecord, LayerRecord]]) -> list[Renaming]:
    """What was renamed, in order. Another number after an op, as of conv3 when a conv came before it, is no name."""
    found: dict[tuple[str, str], Renaming] = {}
    for old, new in pairs:
        if old.stem == new.stem:
            continue
        before, after, *ids = (_path(one) for one in (old.stem, new.stem, old.id, new.id))
        if old.op != new.op and old.name is None and new.name is None:
            for path in (before, after, *ids):
                path.pop()  # it has its name from its op
        for start, end, other in _differing(before, after):
            names = ".".join(before[start:end]), ".".join(after[start:other])
            one = found.setdefault(names, Renaming(*names))
            one.pairs[".".join(ids[0][:end]), ".".join(ids[1][:other])] = _copies(new, other)
            one.layers += new.copies
    return list(found.values())


def _differing(before: list[str], after: list[str]) -> Iterator[tuple[int, int, int]]:
    """Where two paths differ: from which name, to which before and to which after.

    Name by name; where one path is longer all between the names that both begin with and those that both end in.
    """
    if len(before) == len(after):
        yield from ((index, index + 1, index + 1) for index, name in enumerate(before) if name != after[index])
        return
    start, most = 0, min(len(before), len(after))
    while start < most and before[start] == after[start]:
        start += 1
    common = 0
    while common < most - start and before[-1 - common] == after[-1 - common]:
        common += 1
    yield start, len(before) - common, len(after) - common


def _copies(record: LayerRecord, names: int) -> int:
    """How often what the first names of a layer's path lead to is there."""
    parts = record.pattern.split(".")
    ends = [index for index, part in enumerate(parts) if part != "#" and not part.isdigit()]
    levels = parts[: ends[names - 1] if names else 0].count("#")
    return prod(number for _, _, number in record.levels[:levels])


def _path(id: str) -> list[str]:
    """The names in a path, without the numbers of copies."""
    return [part for part in id.split(".") if part != "#" and not part.isdigit()]
