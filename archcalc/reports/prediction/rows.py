"""The rows of a prediction, whatever its form: layers and groups as in a network's table, with their times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from archcalc.prediction.answer import Answer
from archcalc.prediction.estimate import NOTHING, Estimate
from archcalc.reports.rows import Row, flat, nested


@dataclass(frozen=True)
class TimedRow:
    """A row with its time, for all copies and the whole batch.

    Attributes:
        row: None for the loss, the optimizer's step, and the rest of a list that was cut.
        steps: the time in all generation steps.
    """

    row: Row | None
    label: str
    forward: Estimate
    backward: Estimate
    steps: Estimate

    @property
    def total(self) -> Estimate:
        """The total time."""
        return self.forward + self.backward + self.steps


def rows(answer: Answer, depth: int) -> Iterator[TimedRow]:
    """Rows nested like the spec, with blocks opened down to `depth`."""
    for row in nested(answer.costs, depth):
        if row.node is not None:
            yield TimedRow(row, row.label, *answer.inside(row.node))
    yield from _apart(answer)


def layers(answer: Answer) -> list[TimedRow]:
    """A row for every layer, in order of execution."""
    found = [TimedRow(row, row.label, *answer.of(row.node)) for row in flat(answer.costs) if row.node is not None]
    return [*found, *_apart(answer)]


def slowest(answer: Answer, count: int) -> list[TimedRow]:
    """The layers that take most of the time, and one row for the rest."""
    found = sorted(layers(answer), key=lambda row: -row.total.seconds)
    if len(found) <= count:
        return found
    rest = TimedRow(
        None,
        f"and {len(found) - count} faster" if count else f"all {len(found)} layers",
        NOTHING,
        NOTHING,
        NOTHING,
    )
    for row in found[count:]:
        rest = TimedRow(
            None, rest.label, rest.forward + row.forward, rest.backward + row.backward, rest.steps + row.steps
        )
    return [*found[:count], rest]


def _apart(answer: Answer) -> Iterator[TimedRow]:
    """What a training step does outside its layers."""
    one = answer.prediction
    if one.running.trains:
        yield TimedRow(None, f"loss {one.graph.document.trained_on}", NOTHING, one.loss, NOTHING)
        yield TimedRow(None, f"step of {one.running.optimizer}", NOTHING, one.step, NOTHING)
