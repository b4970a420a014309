"""Long formulas over several lines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

# Wider lines are hard to read even where they fit.
WIDEST = 140


def folded(title: str, parts: Iterable[str], indent: int, width: int) -> Iterator[str]:
    """The lines of a formula, each as full as possible."""
    line, start = " " * indent + title, " " * min(indent + len(title), max(indent, width // 3))
    begun = False
    for piece in parts:
        if begun and len(line) + len(piece.rstrip()) > width:
            yield line.rstrip()
            line, piece = start, piece.lstrip()
        line += piece
        begun = True
    yield line.rstrip()


def pieces(formula: str) -> Iterator[str]:
    """The unbreakable parts of a formula: it may break before a blank, and after a dot not preceded by a number."""
    piece = ""
    for character in formula:
        if character == " " and piece:
            yield piece
            piece = ""
        piece += character
        if character == "·" and not piece[-2:-1].isdigit():
            yield piece
            piece = ""
    yield piece
