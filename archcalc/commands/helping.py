"""The help page of a command, no wider than the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable

import click


class Formatter(click.HelpFormatter):
    """click's formatter, with long lists of choices on several lines."""

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Like click's, but breaks an option's choices after the bars between them."""
        room = self.width - self.current_indent
        super().write_dl([(self._folded(first, room), second) for first, second in rows], col_max, col_spacing)

    def _folded(self, text: str, room: int) -> str:
        if len(text) <= room:
            return text
        lines, indent = [""], 4
        for word in re.findall(r"[^|]+\|?", text):
            if lines[-1] and len(lines[-1]) + len(word) > room - (indent if len(lines) > 1 else 0):
                lines.append("")
            lines[-1] += word
        return ("\n" + " " * (self.current_indent + indent)).join(lines)


class Context(click.Context):
    """The context of a command, with help as wide as the terminal."""

    formatter_class = Formatter
