"""What a report for people is made of: blocks, which give text in pieces for a page of some width.

In a pipe the pieces are joined, with nothing imported for it; in colour each is put between its escape sequences.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
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
# The width of a page that goes into a pipe: a line is as wide as it takes.
UNBOUNDED = 100_000

# One column each: Latin, lines and blocks, braille, and what formulas are written with. Not all of the kind.
_NARROW = "[ -~\xa0-\xac\xae-\u02ff\u2500-\u25fc\u2800-\u28ff…−⌊⌋]*"


class Page:
    """What blocks are laid out for.

    Attributes:
        width: the columns of a line.
        encoding: of the stream that takes the text.
        terminal: whether a person sees it there.
        colored: whether styles are written.
        rules: whether tables have lines above and below them; as a terminal has when None.
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
    """A part of a report that knows its page."""

    def pieces(self, page: Page) -> Iterable[Piece]:
        """Text with its style, in order; lines end with `NEWLINE`."""


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
    """A blank line after a table, which a line closes where the page has them."""

    def pieces(self, page: Page) -> Iterator[Piece]:
        """The line break, or nothing."""
        if not page.rules:
            yield NEWLINE


class Laid:
    """Text that is laid out by itself, for the page that it is given."""

    def __init__(self, layout: Callable[[Page], str]) -> None:
        self.layout = layout

    def pieces(self, page: Page) -> Iterator[Piece]:
        """All of it."""
        yield self.layout(page), None


def on_another(style: Style, background: Style) -> Style:
    """A colour on the ground of another."""
    return (*style, *(number + 10 for number in background))


def rendered(block: Block, page: Page) -> str:
    """The text of a block."""
    pieces = Group(block).pieces(page)
    if not page.colored:
        return "".join(text for text, _ in pieces)
    return "".join(_styled(text, style) if style and text else text for text, style in pieces)


def _styled(text: str, style: Style) -> str:
    return f"\x1b[{';'.join(map(str, style))}m{text}\x1b[0m"


@lru_cache(maxsize=4096)  # a table has most of its numbers several times, and is looked at twice
def columns_of(text: str) -> int:
    """How many columns of a terminal `text` takes: Chinese characters take two, accents none, what is escaped its escape."""
    if (text.isascii() and text.isprintable()) or re.fullmatch(_NARROW, text):
        return len(text)
    from rich.cells import cell_len  # most reports have no such text

    return cell_len(text if text.isprintable() else "".join(map(_printed, text)))


def _printed(character: str) -> str:
    """A character as it is printed; blanks of this program's own stay what they are."""
    return character if character in "\xa0\n\t" else visible(character)
