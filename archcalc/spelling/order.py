"""Axes of a tensor in another order."""

from __future__ import annotations

from archcalc.spelling.values import UnwritableError

LETTERS = "abcdefgh"


def ordered(order: list[int]) -> list[str]:
    """Axes in another order, counted without the batch."""
    if sorted(order) != list(range(len(order))) or len(order) > len(LETTERS):
        raise UnwritableError("`rearrange 'a b c -> c a b'` gives any order of the axes, without the batch")
    moved = [index for index, axis_ in enumerate(order) if index != axis_]
    if not moved:
        return ["identity"]
    if len(moved) == 2:
        return [f"transpose {moved[0]}x{moved[1]}"]
    names = LETTERS[: len(order)]
    return [f"rearrange '{' '.join(names)} -> {' '.join(names[index] for index in order)}'"]
