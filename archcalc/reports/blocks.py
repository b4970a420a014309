"""The parts of a report for people: blocks, which yield styled pieces of text for a page of a given width.

In a pipe the pieces are just joined, with nothing imported; in colour each is put between its escape sequences.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Protocol, Union, runtime_checkable

from archcalc.quoting import visible

# The parameters of an escape sequence that selects how characters look. Source: ECMA-48, 8.3.117 SGR.
Style = tuple[int, ...]
BOLD: Style = (1,)
DIM: Style = (2,)
YELLOW, BLUE, MAGENTA, CYAN = (33,), (34,), (35,), (36,)

Piece = tuple[str, "Style | None"]
NEWLINE: Piece = ("\n", None)
# The width of a page in a pipe: a line may be as wide as it needs.
UNBOUNDED = 100_000

# Characters of one column: Latin, lines and blocks, braille, and mathematical symbols. Not a complete list.
_NARROW = "[ -~\xa0-\xac\xae-\u02ff\u2500-\u25fc\u2800-\u28ff…−⌊⌋]*"


class Page:
    """The page that blocks are laid out for.

    Attributes:
        width: the columns per line.
        encoding: the encoding of the output stream.
        terminal: whether the output is a terminal.
        colored: whether styles are written.
        rules: whether tables have lines above and below them; if None, only on a terminal.
    """

    def __init__(
        self,
        width: int,
        encoding: str = "utf-8",
        terminal: bool = False,
        colored: bool = False,
        rules: bool | None = None,
    ) -> None:
        self.width = width
        self.encoding = encoding
        self.terminal = terminal
        self.colored = colored
        self.rules = terminal if rules is None else rules


@runtime_checkable
class Drawing(Protocol):
    """A part of a report that is laid out for its page."""

    def pieces(self, page: Page) -> Iterable[Piece]:
        """Styled text, in order; lines end with `NEWLINE`."""


Block = Union[Drawing, str]  # a string is a line


class Group:
    """Blocks one below the other."""

    def __init__(self, *blocks: Block) -> None:
        self.blocks = blocks

    def pieces(self, page: Page) -> Iterator[Piece]:
        """Those of each block."""
        for block in self.blocks:
            if isinstance(block, str):
                yield block, None
                yield NEWLINE
            else:
                yield from block.pieces(page)


class Gap:
    """A blank line after a table, left out if a rule already closes the table."""

    def pieces(self, page: Page) -> Iterator[Piece]:
        """A line break, or nothing."""
        if not page.rules:
            yield NEWLINE


class Laid:
    """Text with its own layout, for the page that it is given."""

    def __init__(self, layout: Callable[[Page], str]) -> None:
        self.layout = layout

    def pieces(self, page: Page) -> Iterator[Piece]:
        """All of it."""
        yield self.layout(page), None


def on_another(style: Style, background: Style) -> Style:
    """A colour on a background of another colour."""
    return (*style, *(number + 10 for number in background))


def rendered(block: Block, page: Page) -> str:
    """The text of a block."""
    pieces = Group(block).pieces(page)
    if not page.colored:
        return "".join(text for text, _ in pieces)
    return "".join(_styled(text, style) if style and text else text for text, style in pieces)


def _styled(text: str, style: Style) -> str:
    return f"\x1b[{';'.join(map(str, style))}m{text}\x1b[0m"


@lru_cache(maxsize=4096)  # tables repeat most of their numbers
def columns_of(text: str) -> int:
    """How many terminal columns `text` takes: two for Chinese characters, none for accents, all for an escape."""
    if (text.isascii() and text.isprintable()) or re.fullmatch(_NARROW, text):
        return len(text)
    from rich.cells import cell_len  # few reports contain such text

    return cell_len(text if text.isprintable() else "".join(map(_printed, text)))


def columns_of_each(texts: Sequence[str]) -> list[int]:
    """`columns_of` of each text, asked of all of them at once where they are plain."""
    whole = "".join(texts)
    plain = (whole.isascii() and whole.isprintable()) or re.fullmatch(_NARROW, whole)
    return [*map(len if plain else columns_of, texts)]


def _printed(character: str) -> str:
    """A character as it is printed; this program's own blanks are kept."""
    return character if character in "\xa0\n\t" else visible(character)
