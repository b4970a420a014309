"""Columns that fit the terminal: numbers are never cut, the least needed columns go first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from archcalc.reports.blocks import DIM, NEWLINE, Page, Piece, Style, columns_of

_GAP = 2
_SHORTEST_LABEL = 12


class Column:
    """A column: its header, its alignment, and how needed it is (0 is never dropped)."""

    def __init__(self, header: str, right: bool = True, rank: int = 0) -> None:
        self.header = header
        self.right = right
        self.rank = rank


class Columns:
    """A table.

    Args:
        columns: the first one is the label, the only one that may be cut.
        rows: texts for each row, with a style for the row or None.
        rule: draw a line under the header and after the last row, on a page that has them.
        header: show the headers.
        label: columns go before the label is cut to less than this.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        rows: Iterable[tuple[Sequence[str], Style | None]],
        rule: bool = True,
        header: bool = True,
        label: int = _SHORTEST_LABEL,
    ) -> None:
        self.label = label
        self.rows = list(rows)
        used = [index for index in range(len(columns)) if index == 0 or any(cells[index] for cells, _ in self.rows)]
        self.columns = [columns[index] for index in used]
        self.rows = [([cells[index] for index in used], style) for cells, style in self.rows]
        self.rule, self.header = rule, header
        self.widths = [
            max([columns_of(column.header) if header else 0, *(columns_of(cells[index]) for cells, _ in self.rows)])
            for index, column in enumerate(self.columns)
        ]

    def fit(self, width: int) -> tuple[list[int], int]:
        """Which columns stay at `width` characters, and the width of the label."""
        kept = list(range(len(self.columns)))

        def needed(label: int) -> int:
            return _GAP + label + sum(_GAP + self.widths[index] for index in kept[1:])

        while needed(min(self.widths[0], self.label)) > width:
            droppable = [index for index in kept[1:] if self.columns[index].rank]
            if not droppable:
                break
            kept.remove(max(droppable, key=lambda index: self.columns[index].rank))
        spare = width - (needed(self.widths[0]) - self.widths[0])
        return kept, max(1, min(self.widths[0], max(spare, _SHORTEST_LABEL)))

    def pieces(self, page: Page) -> Iterator[Piece]:
        """Line by line; a line is never longer than the label allows."""
        kept, label = self.fit(page.width)
        total = label + sum(_GAP + self.widths[index] for index in kept[1:])
        if self.header:
            yield from self._line([column.header for column in self.columns], kept, label, DIM)
            yield NEWLINE
        if self.rule and page.rules:
            yield "  " + "─" * total, DIM
            yield NEWLINE
        for cells, style in self.rows:
            yield from self._line(cells, kept, label, style)
            yield NEWLINE
        if self.rule and page.rules:
            yield "  " + "─" * total, DIM
            yield NEWLINE

    def _line(self, cells: Sequence[str], kept: list[int], label: int, style: Style | None) -> Iterable[Piece]:
        text = cells[0]
        if columns_of(text) > label:
            text = _cut(text, label - 1) + "…"
        parts = []
        for index in kept[1:]:
            pad = " " * (self.widths[index] - columns_of(cells[index]))
            parts.append(pad + cells[index] if self.columns[index].right else cells[index] + pad)
        rest = "".join(" " * _GAP + part for part in parts).rstrip()
        yield "  " + text, style
        if rest.strip():
            yield " " * (label - columns_of(text)) + rest, style


def _cut(text: str, columns: int) -> str:
    """The beginning of `text` that takes so many columns, filled up where half a character would stand."""
    if columns_of(text[:columns]) == columns:
        return text[:columns]
    from rich.cells import set_cell_size  # most reports have no such text

    return set_cell_size(text, columns)
