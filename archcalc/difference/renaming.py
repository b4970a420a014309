"""Layers and blocks that have another name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archcalc.difference.record import LayerRecord


class Renaming:
    """A name that became another one.

    Attributes:
        pairs: the path before and after, for each place that was renamed alike.
        layers: how many layers are inside, or are it.
    """

    def __init__(self) -> None:
        self.pairs: dict[tuple[str, str], None] = {}
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
        for end in _ends(before, after):
            one = found.setdefault((".".join(before[end]), ".".join(after[end])), Renaming())
            one.pairs[".".join(ids[0][: end.stop]), ".".join(ids[1][: end.stop])] = None
            one.layers += 1
    return list(found.values())


def _ends(before: list[str], after: list[str]) -> Iterator[slice]:
    """Where two paths differ: name by name, or where one is longer all up to the names that both end in."""
    if len(before) == len(after):
        yield from (slice(index, index + 1) for index, name in enumerate(before) if name != after[index])
        return
    common = 0
    while common < min(len(before), len(after)) and before[-1 - common] == after[-1 - common]:
        common += 1
    yield slice(0, -common or None)


def _path(id: str) -> list[str]:
    """The names in a path, without the numbers of copies."""
    return [part for part in id.split(".") if part != "#" and not part.isdigit()]
