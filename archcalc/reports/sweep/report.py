"""What `archcalc sweep` found, for every form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

from archcalc.running import Running
from archcalc.sweep.evaluate import Outcome
from archcalc.sweep.measures import Measure
from archcalc.sweep.results import Results, Side


class Report:
    """The points of a sweep, computed as they are asked for.

    Attributes:
        measures: what is computed for each; said: the given run settings.
        drawn: the two axes of the plot.
        front: show only points on their Pareto front.
        sort: sort rows by this measure.
        number: the maximum number of rows, 0 for all; None for the default of the form.
    """

    def __init__(
        self,
        outcomes: Iterator[Outcome],
        measures: Sequence[Measure],
        said: Running,
        drawn: tuple[Side, Side] | None = None,
        front: bool = False,
        sort: str | None = None,
        number: int | None = None,
    ) -> None:
        self._outcomes = outcomes
        self.measures = measures
        self.said = said
        self.drawn = drawn
        self.front = front
        self.sort = sort
        self.number = number
        self.computed = self.possible = 0

    @property
    def outcomes(self) -> Iterator[Outcome]:
        """Each point as soon as it is computed; points are computed only once."""
        for one in self._outcomes:
            self.computed += 1
            self.possible += one.is_valid
            yield one

    @cached_property
    def results(self) -> Results:
        """The results of all points."""
        return Results([*self.outcomes], self.measures, self.said, self.drawn)

    def rows(self, number: int = 0) -> tuple[list[int], int]:
        """The outcomes shown, in order, and how many more there are; `number` is the default number of rows."""
        results = self.results
        rows = [index for index in range(len(results.outcomes)) if results.front[index] or not self.front]
        if self.sort:
            key, infinite = self.sort, float("inf")
            rows.sort(key=lambda index: results.outcomes[index].values.get(key, infinite))
        most = number if self.number is None else self.number
        cut = max(0, len(rows) - most) if most else 0
        return rows[: len(rows) - cut], cut
