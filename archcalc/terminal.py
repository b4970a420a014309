"""How the program writes: results to stdout, messages to stderr, colour only where it is wanted."""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import suppress
from typing import IO, TYPE_CHECKING, TextIO

import click

from archcalc.quoting import terminal_text

if TYPE_CHECKING:
    from archcalc.reports.blocks import Block

COLORS = ("auto", "always", "never")
# Replacements for characters that the output's encoding lacks.
_PLAIN = {
    "×": "x", "·": "*", "−": "-", "–": "-", "→": "->", "±": "+-", "≤": "<=", "≥": ">=", "≠": "!=", "…": "...", "∞": "inf",
    "√": "sqrt", "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")", "²": "^2", "½": "1/2", "ᵀ": "^T", "′": "'", "⊙": "*", "‖": "||",
    "Σ": "sum ", "σ": "sigma", "α": "alpha", "β": "beta", "γ": "gamma", "ε": "eps", "θ": "theta", "λ": "lambda", "μ": "mu", "τ": "tau", "Φ": "Phi",
    "³": "^3", "µ": "u", "✓": "yes", "✗": "no",
    **dict.fromkeys("▁▂▃▄", "."), **dict.fromkeys("▅▆▇", "#"), **dict.fromkeys("▏▎▍▌", "|"), **dict.fromkeys("▋▊▉", "#"),
    "─": "-", "│": "|", "┤": "|", "└": "\\", "●": "o", "█": "#", "▓": "=", "▒": "+", "░": ".",
}  # fmt: skip


def _in_plain_characters(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(_PLAIN.get(c) or c.encode("ascii", "backslashreplace").decode() for c in missing), error.end


def prepare(stream: TextIO) -> None:
    """Make `stream` accept any text: characters that its encoding lacks are replaced or escaped."""
    if hasattr(stream, "reconfigure"):
        codecs.register_error("archcalc.plain", _in_plain_characters)
        stream.reconfigure(errors="archcalc.plain")


def wants_color(choice: str, stream: IO[str]) -> bool:
    """Whether `stream` gets colour: as requested, else not with NO_COLOR, always with FORCE_COLOR or on a terminal."""
    if choice != "auto" or os.environ.get("NO_COLOR"):
        return choice == "always"
    forced = os.environ.get("FORCE_COLOR", "0") not in ("", "0")
    return forced or (os.environ.get("TERM") != "dumb" and stream.isatty())


def text_width() -> int:
    """The maximum width of a line: that of the terminal; unlimited in a pipe."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        import shutil  # imported only for a terminal

        return shutil.get_terminal_size().columns
    from archcalc.reports.blocks import UNBOUNDED

    return UNBOUNDED


def show(block: Block, choice: str, to_stderr: bool = False) -> None:
    """Print a table or text for people; in a pipe, lines are not limited in width."""
    from archcalc.reports.blocks import Page, rendered  # output for machines needs none

    stream = sys.stderr if to_stderr else sys.stdout
    colored = wants_color(choice, stream)
    terminal = choice == "always" or stream.isatty()
    page = Page(text_width(), stream.encoding or "utf-8", terminal, colored)
    click.echo(terminal_text(rendered(block, page)), nl=False, file=stream, color=colored)


def write(text: str, commands: bool = False) -> None:
    """Print for machines; `commands` says that the text is meant as commands to a CI system."""
    sys.stdout.write(text if commands else terminal_text(text))


def complain(text: str, choice: str = "auto") -> None:
    """Print a message for people to stderr, wrapped at the width of the terminal unless it has colours.

    If it cannot be written, e.g. because the disk is full, only the exit status reports the error.
    """
    if sys.stderr.isatty() or os.environ.get("COLUMNS"):
        text = "\n".join(map(_folded, text.split("\n")))
    with suppress(OSError):
        click.echo(terminal_text(text), file=sys.stderr, color=wants_color(choice, sys.stderr))


def _folded(line: str) -> str:
    width = text_width()
    if (line.isascii() and len(line) <= width) or "\x1b" in line:
        return line
    from archcalc.reports.paragraphs import filled  # most messages are short

    return "\n".join(filled(line, width, others="    "))
