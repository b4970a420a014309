"""Columns that fit the terminal: numbers are never cut, the least needed columns go first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

_GAP = 2
_SHORTEST_LABEL = 12
DIM = Style(dim=True)
BOLD = Style(bold=True)


@dataclass(frozen=True)
class Column:
    """A column: its header, its alignment, and how needed it is (0 is never dropped)."""

    header: str
    right: bool = True
    rank: int = 0
    style: Style | None = None


class Columns:
    """A table that `rich` can print.

    Args:
        columns: the first one is the label, the only one that may be cut.
        rows: texts for each row, with a style for the row or None.
        rule: draw a line under the header and after the last row.
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
            max([cell_len(column.header) if header else 0, *(cell_len(cells[index]) for cells, _ in self.rows)])
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

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Lines of segments; a line is never longer than the label allows."""
        kept, label = self.fit(options.max_width)
        line = Segment.line()
        total = label + sum(_GAP + self.widths[index] for index in kept[1:])
        if self.header:
            yield from self._line([column.header for column in self.columns], kept, label, DIM)
            yield line
        if self.rule:
            yield Segment("  " + "─" * total, DIM)
            yield line
        for cells, style in self.rows:
            yield from self._line(cells, kept, label, style)
            yield line
        if self.rule:
            yield Segment("  " + "─" * total, DIM)
            yield line

    def _line(self, cells: Sequence[str], kept: list[int], label: int, style: Style | None) -> Iterable[Segment]:
        text = cells[0]
        if cell_len(text) > label:
            text = set_cell_size(text, label - 1) + "…"
        parts = []
        for index in kept[1:]:
            pad = " " * (self.widths[index] - cell_len(cells[index]))
            parts.append(pad + cells[index] if self.columns[index].right else cells[index] + pad)
        rest = "".join(" " * _GAP + part for part in parts).rstrip()
        yield Segment("  " + text, style)
        if rest.strip():
            yield Segment(" " * (label - cell_len(text)) + rest, style)
