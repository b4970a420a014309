"""Tables of numbers that a model computes itself: their contents, where these show which layer they belong to."""

from __future__ import annotations

from typing import Any

from archcalc.tracing.graph import Out

# The contents of larger ones are not read.
_MOST = 2**24
# A mask hides a score by a number far below any score.
_FAR = -1e4


def rows(table: Out) -> list[list[float]] | None:
    """The numbers of a constant as a matrix, without axes of size 1; None if they are not known or not a matrix."""
    value = table.node.holds
    if table.node.op != "constant" or value is None or value.table is None or value.count() > _MOST:
        return None
    found: Any = value.table()
    while _is_list(found) and _is_list(found[0]) and _is_list(found[0][0]):
        if len(found) == 1:
            found = found[0]
        elif len(found[0]) == 1:
            found = [row[0] for row in found]
        else:
            return None
    return found if _is_list(found) and _is_list(found[0]) else None


def vector(table: Out) -> list[float] | None:
    """The numbers of a constant along its only axis longer than 1."""
    value = table.node.holds
    if table.node.op != "constant" or value is None or value.table is None or value.count() > _MOST:
        return None
    found: Any = value.table()
    while _is_list(found) and _is_list(found[0]):
        if len(found) > 1:
            return None
        found = found[0]
    return found if _is_list(found) else None


def _is_list(item: Any) -> bool:
    return isinstance(item, list) and bool(item)


def causal_window(mask: Out) -> int | None:
    """For a mask that hides later positions: how many positions each one sees, including itself; None for any other.

    If it hides nothing earlier, that is all positions.
    """
    found = rows(mask)
    if found is None or len(found) != len(found[0]) or len(found) < 2:
        return None
    hides, far, beside = mask.node.hides or (None, _FAR, 0)
    if far > _FAR or beside != 0:
        return None
    count = len(found)
    seen = next((place for place, row in enumerate(found) if _is_hidden(row[0], hides)), count)
    for place, row in enumerate(found):
        first, last = max(0, place - seen + 1), place + 1
        if hides is None:
            hidden = row[:first] + row[last:]
            if row[first:last] != [0] * (last - first) or (hidden and max(hidden) > _FAR):
                return None
        elif row != [hides] * first + [not hides] * (last - first) + [hides] * (count - last):
            return None
    return seen or None


def _is_hidden(number: float, hides: bool | None) -> bool:
    return number <= _FAR if hides is None else bool(number) is hides
