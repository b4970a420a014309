"""Equal neighbours: which stretch of a list is repeated, and the one item that stands for it."""

from __future__ import annotations

from copy import copy

from archcalc.tracing.items import Item


def longest(texts: list[tuple[str, bool] | None], at: int) -> tuple[int, int]:
    """The stretch from `at` on that is repeated: how long, and how often in a row; the longest together wins."""
    best = (1, 1)
    for length in range(1, min(12, (len(texts) - at) // 2) + 1):
        first = texts[at : at + length]
        if any(one is None or one[1] for one in first[:-1]) or first[-1] is None:
            continue
        times = 1
        while True:
            if texts[at + length * times - 1][1]:  # type: ignore[index]
                break
            other = texts[at + length * times : at + length * (times + 1)]
            if len(other) < length or any(
                one is None or one[0] != mine[0] or (one[1] and place < length - 1)  # type: ignore[index]
                for place, (one, mine) in enumerate(zip(other, first))
            ):
                break
            times += 1
        if times > 1 and length * (times - 1) > best[0] * (best[1] - 1):
            best = (length, times)
    return best


def repeat(items: list[Item], length: int, times: int) -> Item:
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
