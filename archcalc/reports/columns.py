"""Columns that fit the terminal: numbers are never cut, and the least needed columns are dropped first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from archcalc.reports.blocks import DIM, NEWLINE, Page, Piece, Style, columns_of
from archcalc.reports.labels import lines_of, shortened

_GAP = 2
_SHORTEST_LABEL = 12


class Column:
    """A column: its header, its alignment, and its rank (0 is never dropped, the highest first).

    Before a `wanted` column is dropped, labels without enough room go above their numbers.
    """

    def __init__(self, header: str, right: bool = True, rank: int = 0, wanted: bool = False) -> None:
        self.header = header
        self.right = right
        self.rank = rank
        self.wanted = wanted


def _alike(short: Mapping[str, str | None]) -> set[str]:
    """The shortened texts that several different labels share, ignoring indentation."""
    whole: defaultdict[str, set[str]] = defaultdict(set)
    for label, text in short.items():
        if text is not None:
            whole[text.strip()].add(label.strip())
    return {text for text, labels in whole.items() if len(labels) > 1}


class Columns:
    """A table.

    Args:
        columns: the first is the label, the only one that may be shortened.
        rows: the texts of each row, with its style or None.
        rule: draw a line under the header and after the last row, on a page that has rules.
        header: show the headers.
        label: columns are dropped before the label has less room than this.
        stays: columns, by number, whose cells go below the row if the column is dropped.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        rows: Iterable[tuple[Sequence[str], Style | None]],
        rule: bool = True,
        header: bool = True,
        label: int = _SHORTEST_LABEL,
        stays: Sequence[int] = (),
    ) -> None:
        self.label = label
        self.rows = list(rows)
        used = [index for index in range(len(columns)) if index == 0 or any(cells[index] for cells, _ in self.rows)]
        self.columns = [columns[index] for index in used]
        self.stays = [used.index(index) for index in stays if index in used]
        self.rows = [([cells[index] for index in used], style) for cells, style in self.rows]
        self.rule, self.header = rule, header
        self.widths = [
            max([columns_of(column.header) if header else 0, *(columns_of(cells[index]) for cells, _ in self.rows)])
            for index, column in enumerate(self.columns)
        ]

    def fit(self, width: int) -> tuple[list[int], int]:
        """The columns that remain at `width` characters, and the width of the label.

        Labels lose their last words first. Columns are dropped if that is not enough, or would make two labels equal.
        If the next one to drop is wanted, labels are wrapped instead.
        """
        kept = list(range(len(self.columns)))
        while True:
            room = width - _GAP - sum(_GAP + self.widths[index] for index in kept[1:])
            droppable = [index for index in kept[1:] if self.columns[index].rank or index in self.stays]
            nearest = max(droppable, key=lambda index: self.columns[index].rank, default=None)
            wraps = nearest is not None and self.columns[nearest].wanted and room >= _SHORTEST_LABEL
            if self._fits(room) or wraps or nearest is None:
                return kept, max(1, min(self.widths[0], max(room, _SHORTEST_LABEL)))
            kept.remove(nearest)

    def _fits(self, room: int) -> bool:
        """Whether all labels stay distinct in `room` characters."""
        if self.widths[0] <= room:
            return True
        if room < min(self.widths[0], self.label):
            return False
        short = {cells[0]: shortened(cells[0], room) for cells, _ in self.rows}
        return None not in short.values() and not _alike(short)

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
        told = self.told(label, page.width - _GAP)
        for cells, style in self.rows:
            *above, last = told[cells[0]]
            for line in above:
                yield "  " + line, style
                yield NEWLINE
            yield from self._line([last, *cells[1:]], kept, label, style)
            yield NEWLINE
            yield from self._below(cells, kept, page.width)
        if self.rule and page.rules:
            yield "  " + "─" * total, DIM
            yield NEWLINE

    def _below(self, cells: Sequence[str], kept: list[int], width: int) -> Iterator[Piece]:
        """The cells of dropped columns that go below their row."""
        indent = " " * (6 + len(cells[0]) - len(cells[0].lstrip(" ")))
        for index in self.stays:
            if index not in kept and cells[index]:
                for line in lines_of(f"{indent}{self.columns[index].header} {cells[index]}", width):
                    yield line, DIM
                    yield NEWLINE

    def told(self, width: int, most: int) -> dict[str, list[str]]:
        """The lines of every label: shortened or, if that is not enough, in full above its numbers."""
        labels = dict.fromkeys(cells[0] for cells, _ in self.rows)
        short = {label: shortened(label, width) for label in labels}
        alike = _alike(short)
        told = {}
        for label, text in short.items():
            if text is not None and text.strip() not in alike:
                told[label] = [text]
            else:
                lines = lines_of(label, max(width, most))
                told[label] = lines if columns_of(lines[-1]) <= width else [*lines, ""]
        return told

    def _line(self, cells: Sequence[str], kept: list[int], label: int, style: Style | None) -> Iterable[Piece]:
        text = cells[0]
        parts = []
        for index in kept[1:]:
            pad = " " * (self.widths[index] - columns_of(cells[index]))
            parts.append(pad + cells[index] if self.columns[index].right else cells[index] + pad)
        rest = "".join(" " * _GAP + part for part in parts).rstrip()
        yield "  " + text, style
        if rest.strip():
            yield " " * (label - columns_of(text)) + rest, style
