"""Columns that fit the terminal: numbers are never cut, and the least needed columns are dropped first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from archcalc.reports.blocks import DIM, NEWLINE, Page, Piece, Style, columns_of, columns_of_each
from archcalc.reports.labels import lines_of, shortened

_Rows = Sequence["tuple[Sequence[str], Style | None]"]
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
        given = list(rows)
        texts = list(zip(*(cells for cells, _ in given))) or [()] * len(columns)
        used = [index for index, cells in enumerate(texts) if index == 0 or any(cells)]
        self.columns = [columns[index] for index in used]
        self.stays = [used.index(index) for index in stays if index in used]
        self.rows = [([cells[index] for index in used], style) for cells, style in given]
        self.rule, self.header = rule, header
        self.widths = [
            max([columns_of(columns[index].header) if header else 0, *columns_of_each(texts[index])]) for index in used
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
            yield from self._lines([([column.header for column in self.columns], DIM)], {}, kept, label, page)
        if self.rule and page.rules:
            yield "  " + "─" * total, DIM
            yield NEWLINE
        told = self.told(label, page.width - _GAP) if label < self.widths[0] else {}
        yield from self._lines(self.rows, told, kept, label, page)
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

    def _lines(
        self, rows: _Rows, told: Mapping[str, list[str]], kept: list[int], label: int, page: Page
    ) -> Iterator[Piece]:
        """The lines of rows; those of their labels are in `told` where they are not the label itself."""
        labels = [told.get(cells[0], [cells[0]]) for cells, _ in rows]
        room = [label - taken for taken in columns_of_each([lines[-1] for lines in labels])]
        sides = [self._padded(index, [cells[index] for cells, _ in rows]) for index in kept[1:]]
        ends = ["".join(parts).rstrip() for parts in zip(*sides)] or [""] * len(labels)
        has_more = len(kept) < len(self.columns)
        for (cells, style), (*above, last), pad, end in zip(rows, labels, room, ends):
            for line in above:
                yield "  " + line, style
                yield NEWLINE
            yield "  " + last, style
            if end:
                yield " " * pad + end, style
            yield NEWLINE
            if has_more and rows is self.rows:
                yield from self._below(cells, kept, page.width)

    def _padded(self, index: int, texts: Sequence[str]) -> list[str]:
        """Cells of a column, after a gap and as wide as the column."""
        width = self.widths[index]
        pads = [" " * (width - taken) for taken in columns_of_each(texts)]
        if self.columns[index].right:
            return [" " * _GAP + pad + text for text, pad in zip(texts, pads)]
        return [" " * _GAP + text + pad for text, pad in zip(texts, pads)]
