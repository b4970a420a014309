"""Memory over time, drawn in characters: each column stands for some moments, and is stacked by part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archcalc.memory.footprint import STACK, Sample
from archcalc.reports import numbers
from archcalc.reports.blocks import BLUE, CYAN, DIM, MAGENTA, NEWLINE, YELLOW, Page, Piece, Style, on_another
from archcalc.reports.encoding import can_print
from archcalc.reports.memory.samples import resample

_WIDEST, _HEIGHT = 72, 9
_EIGHTHS = " ▁▂▃▄▅▆▇█"
# From the bottom of the stack to its top; the last one is drawn in eighths of a character.
_SHADES, _PLAIN = "░▒▓█", ".-+#"
_STYLES = (BLUE, CYAN, YELLOW, MAGENTA)


class Timeline:
    """The drawing, as wide as the terminal allows; in colour, or in shades of grey, or in ASCII.

    Args:
        samples: the moments in order.
    """

    def __init__(self, samples: Sequence[Sample]) -> None:
        self.samples = list(samples)

    def pieces(self, page: Page) -> Iterator[Piece]:
        """Rows from the top, the phases under them, and a legend of the shades."""
        peak = max(sample.total for sample in self.samples) or 1
        first = self.samples[0].total
        margin = max(len(numbers.size(peak)), len(numbers.size(first)))
        columns = resample(self.samples, max(8, min(_WIDEST, page.width - margin - 4)))
        colored, plain = page.colored, not can_print(_EIGHTHS + _SHADES, page.encoding)
        labels = {min(_HEIGHT - 2, _HEIGHT * first // peak): numbers.size(first), _HEIGHT - 1: numbers.size(peak)}
        for row in reversed(range(_HEIGHT)):
            axis = ("┤" if row in labels else "│") if page.rules and not plain else " "
            yield f"  {labels.get(row, ''):>{margin}} {axis}", DIM
            yield from _row(columns, row, peak, colored, plain)
            yield NEWLINE
        yield " " * (margin + 4) + _phases(columns), DIM
        yield NEWLINE
        yield from self._legend(margin + 4, page.width, colored, plain)

    def _legend(self, margin: int, width: int, colored: bool, plain: bool) -> Iterator[Piece]:
        used = [index for index in range(len(STACK)) if any(sample.parts[index] for sample in self.samples)]
        column = 0
        for index in reversed(used):
            name = STACK[index]
            if column and column + len(name) + 4 > width:
                yield NEWLINE
                column = 0
            yield "  " if column else " " * margin, None
            yield "█" if colored and not plain else (_PLAIN if plain else _SHADES)[index], _STYLES[index]
            yield f" {name}", DIM
            column += len(name) + 4 if column else margin + len(name) + 2
        yield NEWLINE


def _row(columns: Sequence[Sample], row: int, peak: int, colored: bool, plain: bool) -> Iterator[Piece]:
    """One line of the stack, equal characters together."""
    run, last = "", None
    for column in columns:
        character, style = _cell(column, row, peak, colored, plain)
        if style != last:
            yield run, last
            run, last = "", style
        run += character
    yield run.rstrip(" "), last


def _cell(column: Sample, row: int, peak: int, colored: bool, plain: bool) -> tuple[str, Style | None]:
    """A character: the part that fills most of it or, in colour, the border between two parts."""
    # From the bottom up: eighths of this cell, and the part that fills them; None above the stack.
    pieces: list[tuple[float, int | None]] = []
    low = 0
    for index, part in enumerate((*column.parts, max(0, peak - column.total))):
        high = low + part
        inside = min(8 * _HEIGHT * high / peak - 8 * row, 8) - max(8 * _HEIGHT * low / peak - 8 * row, 0)
        if inside > 0:
            pieces.append((inside, index if index < len(column.parts) else None))
        low = high
    kept = sorted(sorted(pieces, key=lambda piece: -piece[0])[:2], key=pieces.index)
    below = kept[0][1]
    above = kept[-1][1]
    filled = round(8 * kept[0][0] / sum(size for size, _ in kept)) if len(kept) > 1 else 8
    if below is None or filled == 0:
        below, filled = above, 8
    if below is None:
        return " ", None
    if plain or (not colored and (below != len(column.parts) - 1 or above is not None)):
        most = max(kept, key=lambda piece: piece[0])[1]
        return (" " if most is None else (_PLAIN if plain else _SHADES)[most]), None
    style: Style = _STYLES[below]
    if filled < 8 and above is not None:
        style = on_another(style, _STYLES[above])
    return _EIGHTHS[filled], style


def _phases(columns: Sequence[Sample]) -> str:
    """The name of each phase at its beginning, as far as there is room."""
    line = ""
    for index, column in enumerate(columns):
        if index == 0 or column.phase != columns[index - 1].phase:
            room = sum(1 for other in columns if other.phase == column.phase)
            line = line.ljust(index) + column.phase[: max(1, room - 1)]
    return line
