"""What `archcalc predict` found, for every form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archcalc.prediction.answer import Answer
from archcalc.prediction.whole import Whole, whole_run
from archcalc.reports.prediction.rows import TimedRow, layers, rows, slowest


class Report:
    """Predictions.

    Attributes:
        answers: computed as they are printed, so that only one network is in memory at a time.
        several: whether each is one row of a comparison.
        depth: how many levels of blocks are opened.
        number: show this many layers, the slowest.
        amount: the samples or tokens of a whole run, as a number and a unit; None if not requested.
    """

    def __init__(
        self,
        answers: Iterable[Answer],
        several: bool = False,
        depth: int = 1,
        number: int | None = None,
        amount: tuple[int, str] | None = None,
    ) -> None:
        self.answers = answers
        self.several = several
        self.depth = depth
        self.number = number
        self.amount = amount

    def whole(self, answer: Answer) -> Whole | None:
        """The whole run, if requested."""
        return None if self.amount is None else whole_run(answer, *self.amount)

    def rows(self, answer: Answer) -> Sequence[TimedRow]:
        """Rows for people: nested like the spec, or the slowest first."""
        return slowest(answer, self.number) if self.number is not None else list(rows(answer, self.depth))

    def layers(self, answer: Answer) -> Sequence[TimedRow]:
        """Rows for machines: every layer on its own, or the slowest first."""
        return slowest(answer, self.number) if self.number is not None else layers(answer)
