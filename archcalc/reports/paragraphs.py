"""Sentences and facts, broken at the width of the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from archcalc.patterns import Later
from archcalc.reports.blocks import BOLD, DIM, NEWLINE, Page, Piece, Style, columns_of

# Stands between a number and its unit.
NO_BREAK = "\u00a0"
# Non-breaking blanks: between a number and its unit, in the sizes of a shape, and in `kernel - 1`.
_UNIT = Later(
    r"(?<=[0-9]) (?=(?:[kMGTPEZY]i?|)(?:B/s|B|MACs|FLOP/s|FLOPs)(?!\w)|(?:[kMGTPEZY]|%|ns|µs|ms|s)(?!\w))"
    r"|(?<=[0-9],) (?=[0-9]+(?:, [0-9]+){0,6}\])|(?<=\w) (?=[-−] [0-9])|(?<= [-−]) (?=[0-9])"
)
_OTHER_BLANKS = frozenset("\t\n\v\f\r")
_BLANKS = dict.fromkeys(map(ord, _OTHER_BLANKS), " ")

# Where a formula or a sentence may be broken: after a multiplication sign, and at spaces, but not between a number
# and what it counts, a letter and its value, a sum and its terms, or the sides of a fraction or an inequality, nor
# before a sign.
_PLACES = r"(?<=·)(?=[^ ])|(?<![=0-9Σ≤<≥/]) (?![=·+−≤<≥/])|(?<=[\])]) (?==)|(?<=[0-9]) (?![a-z·+−≤<≥/])"


def broken(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` characters, broken outside brackets if possible, and between terms of a sum.

    A longer word or number has its own line.
    """
    lines = []
    while columns_of(text) > width:
        fitting = [found for found in re.finditer(_PLACES, text) if columns_of(text[: found.start()]) <= width]
        found = _best(fitting, text, width) or re.search(_PLACES, text)
        if found is None:
            break
        lines.append(text[: found.start()].rstrip())
        text = text[found.end() :].lstrip(" ")
    return [*lines, text]


def _best(places: Sequence[re.Match[str]], text: str, width: int) -> re.Match[str] | None:
    """The last place inside the fewest brackets: between equations, before an =, after a +, at a blank, else any."""
    late = [one for one in places if one.start() > width // 4] or places

    def rank(place: re.Match[str]) -> tuple[int | bool, ...]:
        before, behind = text[: place.start()], text[place.end() :]
        inside = sum(map(before.count, "([")) - sum(map(before.count, ")]"))
        ends = before.endswith("  "), behind.startswith("="), before.endswith(" +"), place.group() == " "
        return inside, *(not one for one in ends)

    least = min(map(rank, late), default=None)
    return next((one for one in reversed(late) if rank(one) == least), None)


class Heading:
    """A line in bold, or several if it is long."""

    def __init__(self, text: str) -> None:
        self.text = text

    def pieces(self, page: Page) -> Iterator[Piece]:
        """Its lines."""
        for line in filled(self.text, page.width, others="    ") if columns_of(self.text) > page.width else [self.text]:
            yield line, BOLD
            yield NEWLINE


class Line:
    """A line of text with something at the right end, on two lines if it does not fit."""

    def __init__(self, left: str, right: str) -> None:
        self.left, self.right = left, right

    def pieces(self, page: Page) -> Iterator[Piece]:
        """The left part bold, the right part at the end of the line when the terminal has one."""
        room = min(page.width, 100) - columns_of(self.left) - columns_of(self.right)
        if room >= 2 and page.terminal:
            yield self.left, BOLD
            yield " " * room + self.right, DIM
        else:
            yield from Heading(self.left).pieces(page)
            yield "\n".join(filled(self.right, page.width, "  ", "    ")), DIM
        yield NEWLINE


class Parts:
    """Facts joined by ` · `, broken between facts, and inside one only if it is longer than a line."""

    def __init__(self, parts: Iterable[str], style: Style | None = None) -> None:
        self.parts, self.style = list(parts), style

    def pieces(self, page: Page) -> Iterator[Piece]:
        """Lines of as many facts as fit."""
        line = ""
        for part in self.parts:
            joined = f"{line} · {part}" if line else f"  {part}"
            if line and columns_of(joined) > page.width:
                yield from self._broken(line, page.width)
                line = f"  {part}"
            else:
                line = joined
        yield from self._broken(line, page.width)

    def _broken(self, line: str, width: int) -> Iterator[Piece]:
        """A line of facts, or several lines of a single fact that is too long."""
        for one in [line] if columns_of(line) <= width else _wrapped(line.strip(" "), max(20, width)):
            yield one, self.style
            yield NEWLINE


class Wrapped:
    """A sentence, broken between words at the width of the terminal, but not at a `NO_BREAK`."""

    def __init__(self, text: str, style: Style | None = None) -> None:
        self.text, self.style = text, style

    def pieces(self, page: Page) -> Iterator[Piece]:
        """Its lines, the first indented by two characters, the others by four."""
        for line in _wrapped(self.text, max(20, page.width)):
            yield line.replace(NO_BREAK, " "), self.style
            yield NEWLINE


def _wrapped(text: str, width: int) -> list[str]:
    if text and text == text.strip() and _OTHER_BLANKS.isdisjoint(text) and columns_of(text) + 2 <= width:
        return [f"  {text}"]
    return filled(text, width, "  ", "    ")


def filled(text: str, width: int, first: str = "", others: str = "") -> list[str]:
    """`text` in lines, broken at blanks, but not between a number and its unit; a longer word has its own line.

    The first line begins with the blanks of `first`, the others with those of `others`. Blanks where a line is broken
    are left out, so that text of nothing else has no line.
    """
    words = re.findall(" +|[^ ]+", _UNIT.sub(NO_BREAK, text.expandtabs()).translate(_BLANKS))[::-1]
    lines: list[str] = []
    while words:
        indent = others if lines else first
        if lines and words[-1].isspace():
            words.pop()
        line: list[str] = []
        room = width - columns_of(indent)
        while words and (not line or columns_of(words[-1]) <= room):
            room -= columns_of(words[-1])
            line.append(words.pop())
        if line and line[-1].isspace():
            line.pop()
        if line:
            lines.append(indent + "".join(line))
    return [one.replace(NO_BREAK, " ") for one in lines]


class Entry:
    """`  conv   Convolution ...`: a word, and its meaning in a column beside it.

    Args:
        head: the word.
        text: the sentence.
        width: the width of the words of all entries.
        gap: the gap between a word and its sentence.
        style: the style of the word.
    """

    def __init__(self, head: str, text: str, width: int, gap: int = 2, style: Style | None = BOLD) -> None:
        self.head, self.text, self.width, self.gap, self.style = head, text, width, gap, style

    def pieces(self, page: Page) -> Iterator[Piece]:
        """The word and the aligned lines of the sentence."""
        indent = 2 + self.width + self.gap
        yield "  ", None
        yield self.head, self.style
        if self.text:
            first, *others = broken(self.text, max(20, page.width - indent))
            yield " " * (indent - 2 - columns_of(self.head)) + first.replace(NO_BREAK, " "), None
            for line in others:
                yield NEWLINE
                yield " " * indent + line.replace(NO_BREAK, " "), None
        yield NEWLINE


class Prose:
    """Paragraphs whose lines are wrapped if they are too long; indented lines are kept."""

    def __init__(self, text: str, style: Style | None = None) -> None:
        self.text, self.style = text, style

    def pieces(self, page: Page) -> Iterator[Piece]:
        """Line by line."""
        for number, paragraph in enumerate(self.text.split("\n\n")):
            if number:
                yield NEWLINE
            lines = paragraph.split("\n")
            if any(columns_of(line) > page.width for line in lines) and not any(line.startswith(" ") for line in lines):
                lines = _folded(" ".join(lines), page.width)
            for line in lines:
                indent = len(line) - len(line.lstrip(" "))
                room = page.width - indent
                parts = [line[indent:]] if columns_of(line) <= page.width else _folded(line[indent:], room - 2)
                for index, part in enumerate(parts):
                    yield " " * (indent + (2 if index else 0)) + part, self.style
                    yield NEWLINE


def _folded(text: str, width: int) -> list[str]:
    """`text` in lines, broken at spaces."""
    if columns_of(text) <= width:
        return [text]
    return filled(text, width)
