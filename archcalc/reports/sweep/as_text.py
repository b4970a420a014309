"""A sweep as a table for people, with impossible points and the reasons, and a drawing if requested."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archcalc.reports.blocks import BOLD, DIM, Block, Gap, Group, Style
from archcalc.reports.columns import Column, Columns
from archcalc.reports.paragraphs import Line, Parts, Wrapped
from archcalc.reports.sweep import words
from archcalc.reports.sweep.report import Report
from archcalc.sweep.evaluate import Outcome
from archcalc.sweep.results import Results

# The default number of rows.
_USUAL = 60


def render(report: Report) -> Block:
    """The drawing, if requested, and the table."""
    results, (rows, cut) = report.results, report.rows(_USUAL)
    if results.drawn is None:
        return table(results, rows, cut)
    from archcalc.reports.sweep.plot import Scatter  # rarely requested

    return Group(Scatter(results), "", table(results, rows, cut))


def table(results: Results, rows: Sequence[int], cut: int = 0) -> Block:
    """The rows of these outcomes.

    Args:
        rows: indices of the outcomes shown, in order.
        cut: how many more there are.
    """
    several, batches = len(results.models) > 1, len(results.batches) > 1
    columns = [
        Column(""),
        *([Column("model", right=False)] if several else []),
        *([Column("batch")] if batches else []),
        *(Column(name) for name in results.names),
        *(Column(words.header(one), rank=0 if one is results.measures[0] else 1 + index) for index, one in enumerate(results.measures)),
    ]  # fmt: skip
    cells = [_cells(results, index, several, batches) for index in rows]
    title = Line(words.title(results), words.count(results))
    runs = [Wrapped(line, DIM) for line in words.conditions(results)]
    notes = list(_notes(results, cut))
    return Group(title, *runs, "", Columns(columns, cells), *([Gap()] if notes else []), *notes)


def _cells(results: Results, index: int, several: bool, batches: bool) -> tuple[list[str], Style | None]:
    one = results.outcomes[index]
    given = dict((*one.point.settings, *one.point.run))
    cells = [
        "●" if results.front[index] else "",
        *([one.model or one.point.spec] if several else []),
        *([str(one.point.batch)] if batches else []),
        *(given.get(name, "") for name in results.names),
        *_values(results, one),
    ]
    return cells, BOLD if results.front[index] else None if one.is_valid else DIM


def _values(results: Results, one: Outcome) -> list[str]:
    if not one.is_valid:
        return ["not possible", *("" for _ in results.measures[1:])]
    return [words.shown(one.values[measure.name], measure.unit) for measure in results.measures]


def _notes(results: Results, cut: int) -> Iterator[Block]:
    if cut:
        yield Parts([f"{cut:,} more rows: -n 0 shows all, --format csv writes them"], DIM)
    if results.drawn is not None:
        yield Wrapped(words.front(results.drawn), DIM)
    for sentence in words.refusals(results):
        yield Wrapped(sentence, DIM)
