"""A worked example for people: grids of numbers, and lines that compute with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archcalc.reports.blocks import BOLD, DIM, NEWLINE, Page, Piece, columns_of
from archcalc.reports.paragraphs import broken
from archcalc.worked.example import NO_BREAK, Example, Grid

_GAP = 4
_INDENT = 4


class Worked:
    """A worked example on a page."""

    def __init__(self, example: Example) -> None:
        self.example = example

    def pieces(self, page: Page) -> Iterator[Piece]:
        """The input and weights, then step by step."""
        if self.example.given:
            yield "  given", BOLD
            yield NEWLINE
            yield from _beside(self.example.given, page.width)
        for index, step in enumerate(self.example.steps):
            if index or self.example.given:
                yield NEWLINE
            for one in broken(step.title, page.width - 2):
                yield f"  {one}".replace(NO_BREAK, " "), BOLD
                yield NEWLINE
            yield from _beside(step.grids, page.width)
            for line in step.lines:
                for at, one in enumerate(broken(line, page.width - 6)):
                    yield ("    " if at == 0 else "      ") + one.replace(NO_BREAK, " "), None
                    yield NEWLINE


def grids_text(grids: Sequence[Grid], width: int) -> list[str]:
    """Grids side by side as lines of at most `width` characters."""
    text = "".join(text for text, _ in _beside(grids, width + _INDENT))
    return [line[_INDENT:].rstrip() for line in text.splitlines()]


def _beside(grids: Sequence[Grid], width: int) -> Iterator[Piece]:
    """Grids side by side, as many as fit."""
    row: list[tuple[Grid, list[int]]] = []
    for grid in (one for whole in grids for one in _in_parts(whole, width - 4)):
        widths = _widths(grid)
        if row and 4 + sum(_wide(*one) + _GAP for one in row) + _wide(grid, widths) > width:
            yield from _drawn(row)
            row = []
        row.append((grid, widths))
    if row:
        yield from _drawn(row)


def _has_marks(grid: Grid) -> bool:
    """Whether some numbers are highlighted, so that the others are dimmed."""
    return any(cell.marked for cells in grid.rows for cell in cells)


def _widths(grid: Grid) -> list[int]:
    return [max(columns_of(cells[index].text) for cells in grid.rows) for index in range(len(grid.rows[0]))]


def _in_parts(grid: Grid, width: int) -> Iterator[Grid]:
    """A grid that is too wide, split into several, each with some of its columns."""
    start, used = 0, 0
    for index, one in enumerate(_widths(grid)):
        if index > start and used + one > width:
            yield Grid(f"{grid.title}, columns {start} to {index - 1}", [cells[start:index] for cells in grid.rows])
            start, used = index, 0
        used += one + 2
    if start == 0:
        yield grid
    else:
        last = len(grid.rows[0]) - 1
        which = f"columns {start} to {last}" if last > start else f"column {start}"
        yield Grid(f"{grid.title}, {which}", [cells[start:] for cells in grid.rows])


def _wide(grid: Grid, widths: list[int]) -> int:
    return max(columns_of(grid.title), sum(widths) + 2 * (len(widths) - 1))


def _drawn(row: list[tuple[Grid, list[int]]]) -> Iterator[Piece]:
    line = "   "
    for grid, widths in row:
        line += " " + grid.title + " " * (_wide(grid, widths) - columns_of(grid.title) + _GAP - 1)
    yield line.rstrip(), DIM
    yield NEWLINE
    for index in range(max(len(grid.rows) for grid, _ in row)):
        space = 4
        for grid, widths in row:
            if index >= len(grid.rows):
                space += _wide(grid, widths) + _GAP
                continue
            for cell, one in zip(grid.rows[index], widths):
                yield " " * (space + one - columns_of(cell.text)), None
                yield cell.text, BOLD if cell.marked else DIM if _has_marks(grid) else None
                space = 2
            space = _wide(grid, widths) + _GAP - sum(widths) - 2 * (len(widths) - 1)
        yield NEWLINE
