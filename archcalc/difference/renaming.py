"""Layers and blocks that were renamed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import prod

from archcalc.difference.record import LayerRecord


class Renaming:
    """A changed name.

    Attributes:
        before, after: the names; "" if a block was added around the layers, or removed.
        pairs: the path before and after for each place that was renamed in this way, with its number of copies.
        layers: how many layers were renamed, or are inside what was.
    """

    def __init__(self, before: str, after: str) -> None:
        self.before = before
        self.after = after
        self.pairs: dict[tuple[str, str], int] = {}
        self.layers = 0


def renamings(pairs: Iterable[tuple[LayerRecord, LayerRecord]]) -> list[Renaming]:
    """What was renamed, in order. A changed number after an op, e.g. conv3 after a conv was added, is not a name."""
    found: dict[tuple[str, str], Renaming] = {}
    for old, new in pairs:
        if old.stem == new.stem:
            continue
        before, after, *ids = (_path(one) for one in (old.stem, new.stem, old.id, new.id))
        if old.op != new.op and old.name is None and new.name is None:
            for path in (before, after, *ids):
                path.pop()  # its name comes from its op
        for start, end, other in _differing(before, after):
            names = ".".join(before[start:end]), ".".join(after[start:other])
            one = found.setdefault(names, Renaming(*names))
            one.pairs[".".join(ids[0][:end]), ".".join(ids[1][:other])] = _copies(new, other)
            one.layers += new.copies
    return list(found.values())


def _differing(before: list[str], after: list[str]) -> Iterator[tuple[int, int, int]]:
    """Where two paths differ: the first differing name, and the ends of the difference before and after.

    Paths of equal length are compared name by name; otherwise the difference is all between common start and end.
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
    """How many copies there are of what the first names of a layer's path lead to."""
    parts = record.pattern.split(".")
    ends = [index for index, part in enumerate(parts) if part != "#" and not part.isdigit()]
    levels = parts[: ends[names - 1] if names else 0].count("#")
    return prod(number for _, _, number in record.levels[:levels])


def _path(id: str) -> list[str]:
    """The names in a path, without the numbers of copies."""
    return [part for part in id.split(".") if part != "#" and not part.isdigit()]
