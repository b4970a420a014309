"""What `archcalc serve` found, for every form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archcalc.memory.serving import Request, Serving
from archcalc.prediction.serving import Load


@dataclass(frozen=True)
class Answer:
    """One network on one device.

    Attributes:
        load: the requests served at once; timed: their latency, None if none fits.
        is_asked: whether the load was given; otherwise it is as many usual requests as the pages hold.
        ways: if no usual request fits, options with which some do, and how many.
    """

    serving: Serving
    load: tuple[Request, ...]
    timed: Load | None
    is_asked: bool
    ways: tuple[tuple[str, int], ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the pages hold the whole load."""
        return bool(self.load) and self.serving.holds(self.load)


class Report:
    """Answers, one for each network and device."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.answers = answers


def described(load: Sequence[Request]) -> str:
    """`20 requests of 1,000 + 200 tokens (prompt + new)`, several separated by commas."""
    parts = ", ".join(
        f"{one.count:,} {'request' if one.count == 1 else 'requests'} of {one.prompt:,} + {one.new_tokens:,}"
        for one in load
    )
    return f"{parts} tokens (prompt + new)"
