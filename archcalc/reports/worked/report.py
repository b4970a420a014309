"""What `archcalc explain --steps` worked out, for every form."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.records import NamedTuple
from archcalc.worked.example import NO_BREAK, Example


class Report(NamedTuple):
    """A worked example, and a readable name of its layer."""

    label: str
    example: Example

    def steps(self) -> Iterator[tuple[str, list[str]]]:
        """The title of each step, and its lines."""
        for step in self.example.steps:
            yield step.title.replace(NO_BREAK, " "), [line.replace(NO_BREAK, " ") for line in step.lines]
