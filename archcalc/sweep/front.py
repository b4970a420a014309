"""The Pareto front of two measures."""

from __future__ import annotations

from collections.abc import Sequence


def pareto(points: Sequence[tuple[float, float] | None], less: tuple[bool, bool]) -> list[bool]:
    """Whether each point is on the front; None is a point without values, which never is.

    A point is dominated by one that is at least as good in both and better in one; equal points stay together.

    Args:
        less: for each measure, whether less is better.
    """
    signed = {
        index: (x if less[0] else -x, y if less[1] else -y)
        for index, (x, y) in ((index, point) for index, point in enumerate(points) if point is not None)
    }
    found = [False] * len(points)
    best = float("inf")
    last: tuple[float, float] | None = None
    for index in sorted(signed, key=lambda index: signed[index]):
        if signed[index] == last or signed[index][1] < best:
            found[index] = True
            best, last = signed[index][1], signed[index]
    return found
