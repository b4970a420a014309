"""An explanation for people: aligned if it fits, else broken between factors and words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from archcalc.reports.blocks import BOLD, DIM, NEWLINE, UNBOUNDED, Page, Piece, columns_of
from archcalc.reports.explanation.facts import Line
from archcalc.reports.explanation.report import Explanation
from archcalc.reports.labels import lines_of, shortened
from archcalc.reports.paragraphs import NO_BREAK, broken

# Between a letter and its value, where no line may end.
_VALUE = re.compile(r"(?<=\w) = (?=[\w−.-]+(?:,|$))")
# The factors of a product of a matrix and a vector, as in `W x`.
_PRODUCT = re.compile(r"(?<!\w)([A-Z]) (?=[a-z]\b)")
# What a list of operations begins with.
_WORK = re.compile(r"\d+ for each [^:]+: ")
# Longer formulas take several lines on a page of any width.
_WIDEST_FORMULA = 64
# Blanks after a title.
_GAP = 3
# Narrower columns are not readable as formulas.
_LEAST = 12
# Room for a unit after the value.
_UNIT = 8


class Drawn:
    """One explanation on a page."""

    def __init__(self, explanation: Explanation) -> None:
        self.title = explanation.title
        self.lines = explanation.lines

    def pieces(self, page: Page) -> Iterator[Piece]:
        """The title, then line by line."""
        most = page.width if page.width == UNBOUNDED else max(24, page.width * 2 // 5)
        fitting = [
            line and (replace(line, title=line.short) if line.short and _end(line) > most else line)
            for line in self.lines
        ]
        shown = [line for line in fitting if line is not None]
        ends = [_end(line) for line in shown]
        indent = max((end for end in ends if end <= most), default=most)  # a longer title has a line of its own
        value = max((len(line.value) for line in shown), default=0)
        room = max(20, page.width - indent)
        unit = _UNIT if any(line.value and line.note for line in shown) else 0
        widest = min(_WIDEST_FORMULA, max(_LEAST, room - 3 - value - unit))
        formulas = [
            [line.formula] if line.whole else broken(line.formula, widest if line.value else room) for line in shown
        ]
        last = [columns_of(lines[-1]) for line, lines in zip(shown, formulas) if line.value]
        if page.width != UNBOUNDED:  # long numbers push the text before them to the left
            indent -= min(max(0, indent - _GAP), max(0, indent + max(last, default=0) + 3 + value - page.width))
        for one in broken(self.title, page.width):
            yield one, BOLD
            yield NEWLINE
        yield NEWLINE
        columns = _Columns(indent, max(last, default=0), value, room, page.width)
        drawn = iter(formulas)
        for line in fitting:
            if line is None:
                yield NEWLINE
            else:
                yield from columns.line(line, next(drawn))


def _together(text: str, room: int) -> str:
    """Text with unbreakable blanks where no line may end: a list of operations breaks only between two of them."""
    if (work := _WORK.match(text)) is not None:
        each = re.split(r"(?<=\)), ", text[work.end() :])
        kept = [one.replace(" ", NO_BREAK) if columns_of(one) <= room else one for one in each]
        text = work.group() + ", ".join(kept)
    return _PRODUCT.sub(rf"\1{NO_BREAK}", _VALUE.sub(f"{NO_BREAK}={NO_BREAK}", text))


def _end(line: Line) -> int:
    """The column behind a title."""
    return 2 + 2 * line.level + columns_of(line.title) + _GAP


class _Columns:
    """Where titles end, and the widths of formulas, of values, and of everything right of the titles."""

    def __init__(self, indent: int, formula: int, value: int, room: int, width: int) -> None:
        self.indent, self.formula, self.value, self.room, self.width = indent, formula, value, room, width

    def line(self, line: Line, formulas: list[str]) -> Iterator[Piece]:
        """One fact: its formula, possibly on several lines, its value, then its note."""
        start = "  " + "  " * line.level
        title = (
            line.title
            if line.whole or "  (" not in line.title
            else shortened(line.title, self.indent - len(start) - _GAP)
        )
        *above, head = (
            [start + (title or line.title)] if line.whole else lines_of(start + (title or line.title), self.width)
        )
        style = BOLD if line.total or not (line.formula or line.value) else None
        for one in above:
            yield one, style
            yield NEWLINE
        yield head, style
        gap = " " * (self.indent - columns_of(head))
        if line.whole and self.indent + columns_of(line.formula) > self.width:
            yield NEWLINE
            gap = "    "
        elif columns_of(head) + _GAP > self.indent and (line.formula or line.value):
            yield NEWLINE
            gap = " " * self.indent
        for one in formulas[:-1]:
            yield gap + one, None
            yield NEWLINE
            gap = " " * self.indent
        end = formulas[-1]
        if line.value:
            end += " " * (self.formula - columns_of(end)) + f"   {line.value:>{self.value}}"
        if end:
            yield gap + end, BOLD if line.total else None
        below = list(line.below)
        if line.note and columns_of(end) + 3 + columns_of(line.note) <= self.room:
            yield "   " + line.note, DIM
        elif line.note:
            below.insert(0, line.note)
        yield NEWLINE
        for text in below:
            for index, one in enumerate(broken(_together(text, self.room - 2), self.room - 2)):
                yield " " * self.indent + "  " * (index > 0) + one.replace(NO_BREAK, " "), DIM
                yield NEWLINE
