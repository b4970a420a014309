"""Two sides of a sweep drawn in characters, with the Pareto front marked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from math import log10

from archcalc.diagnostics import RequestError
from archcalc.reports.blocks import BOLD, DIM, NEWLINE, Page, Piece, columns_of
from archcalc.reports.encoding import can_print
from archcalc.reports.sweep import words
from archcalc.sweep.results import Results, Side

_WIDEST, _NARROWEST, _HEIGHT = 72, 20, 16
# From this ratio between the largest and the smallest value on, a scale is logarithmic.
WIDE_RANGE = 30
_FRONT, _BLANK = "●", "\u2800"


class Scale:
    """How the values of one axis are scaled; logarithmic if they differ much."""

    def __init__(self, side: Side, values: Sequence[float]) -> None:
        self.side = side
        self.low, self.high = min(values), max(values)
        self.is_log = self.low > 0 and self.high / self.low >= WIDE_RANGE

    def place(self, value: float) -> float:
        """The position of a value, from 0 to 1."""
        low, high, value = (log10(one) if self.is_log else one for one in (self.low, self.high, value))
        return (value - low) / (high - low) if high > low else 0.5

    @property
    def ends(self) -> tuple[str, str]:
        """The smallest and the largest value."""
        return words.shown(self.low, self.side.unit), words.shown(self.high, self.side.unit)

    @property
    def name(self) -> str:
        """The name of the axis, and whether it is logarithmic."""
        return words.header(self.side.measure) if self.side.measure else self.side.name

    @property
    def kind(self) -> str:
        """The note after the name."""
        return " (log)" if self.is_log else ""


def coordinates(results: Results) -> list[tuple[float, float, bool]]:
    """Both sides of every point that has them, and whether it is on the front.

    Raises:
        RequestError: no point has both.
    """
    assert results.drawn is not None
    x, y = results.drawn
    found = []
    for one, on_front in zip(results.outcomes, results.front):
        a, b = x.of(one), y.of(one)
        if a is not None and b is not None:
            found.append((a, b, on_front))
    if not found:
        raise RequestError(f"--plot {x.name},{y.name}: no configuration has both")
    return found


class Scatter:
    """The drawing, as wide as the terminal allows. Requires plotille."""

    def __init__(self, results: Results) -> None:
        if find_spec("plotille") is None:
            raise RequestError("--plot needs plotille to draw in a terminal: pip install 'archcalc[plot]'")
        assert results.drawn is not None
        self.points = coordinates(results)
        self.x = Scale(results.drawn[0], [x for x, _, _ in self.points])
        self.y = Scale(results.drawn[1], [y for _, y, _ in self.points])

    def pieces(self, page: Page) -> Iterator[Piece]:
        """The name of the vertical axis, rows from the top, and the horizontal axis under them."""
        margin = max(columns_of(text) for text in self.y.ends)
        width = max(_NARROWEST, min(_WIDEST, page.width - margin - 5))
        rows = self._rows(width, can_print(_FRONT + _BLANK, page.encoding))
        yield f"  {self.y.name}{self.y.kind}\n", DIM
        for index, row in enumerate(rows):
            label = self.y.ends[1] if index == 0 else self.y.ends[0] if index == len(rows) - 1 else ""
            yield f"  {label:>{margin}} ┤" if label else f"  {'':>{margin}} │", DIM
            yield from _styled(row)
            yield NEWLINE
        low, high = self.x.ends
        name = f"{self.x.name}{self.x.kind}"
        room = max(1, width - columns_of(low) - columns_of(high))
        middle = f"{name:^{room}}" if room >= columns_of(name) + 2 else " " * room
        yield f"  {'':>{margin}} └{'─' * width}\n  {'':>{margin}}  {low}{middle}{high}\n", DIM
        if room < columns_of(name) + 2:
            yield f"  {'':>{margin}}  {name}\n", DIM

    def _rows(self, width: int, unicode: bool) -> list[str]:
        from plotille import Canvas

        canvas = Canvas(width, _HEIGHT, xmin=-0.01, ymin=-0.01, xmax=1.01, ymax=1.01)
        for x, y, on_front in sorted(self.points, key=lambda point: point[2]):
            canvas.point(self.x.place(x), self.y.place(y), marker=_FRONT if on_front else None)
        text: str = canvas.plot(linesep="\n")
        rows = [row.replace(_BLANK, " ").rstrip() for row in text.split("\n")]
        return rows if unicode else ["".join(map(_ascii, row)) for row in rows]


def _ascii(character: str) -> str:
    return character if character == " " else "o" if character == _FRONT else "."


def _styled(row: str) -> Iterator[Piece]:
    """The row with the front in bold."""
    for index, part in enumerate(row.split(_FRONT)):
        if index:
            yield _FRONT, BOLD
        yield part, None
