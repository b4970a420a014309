"""The text of one class of a generated file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archcalc.pytorch.layout import wrap
from archcalc.quoting import python_docstring


@dataclass
class ClassText:
    """A module's class as it is written.

    Attributes:
        doc: its docstring; it may hold names from the spec, so it is quoted.
        lines: its methods.
    """

    name: str
    doc: str
    lines: list[str]

    def laid_out(self, width: int) -> Iterator[str]:
        """Its lines, at most `width` wide where possible."""
        yield f"class {self.name}(nn.Module):"
        yield from f"    {python_docstring(self.doc)}".split("\n")
        yield ""
        for line in self.lines:
            yield from wrap(line, width)
