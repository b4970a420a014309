"""The largest value within limits, for people."""

from __future__ import annotations

from archcalc.reports.blocks import BOLD, DIM, Block, Gap, Group
from archcalc.reports.columns import Column, Columns
from archcalc.reports.fit.report import Report
from archcalc.reports.fit.words import columns as columns_of
from archcalc.reports.fit.words import comparison, headers, headline, notes, remarks
from archcalc.reports.fit.words import rows as rows_of
from archcalc.reports.paragraphs import Line, Wrapped
from archcalc.reports.running import common
from archcalc.reports.running import lines as run_lines
from archcalc.sweep.fit import Fit


def render(report: Report) -> Block:
    """The only answer, or a row for each combination of run settings."""
    return _comparison(report) if report.axes else _answer(report.found[0])


def _comparison(report: Report) -> Block:
    ran = [run for one in report.found for run in one.how]
    modes = {run.mode: [one for one in ran if one.mode == run.mode] for run in ran}
    names = columns_of(report)
    columns = [Column(name, rank=0 if index <= len(report.axes) else index) for index, name in enumerate(names)]
    return Group(
        Line(report.model, f"{sum(one.tried for one in report.found):,} configurations computed"),
        *(Wrapped(line, DIM) for line in run_lines(common(runs) for runs in modes.values())),
        "",
        Wrapped(f"the largest {report.name} that fits", BOLD),
        "",
        Columns(columns, [(list(cells), None) for cells in comparison(report)]),
        Gap(),
        *(Wrapped(sentence, DIM) for sentence in remarks(report)),
    )


def _answer(fit: Fit) -> Block:
    """The sentence, a row for each limit, and what stops it."""
    names = headers(fit)
    columns = [
        Column(names[0], right=False),
        *(Column(one, rank=rank) for one, rank in zip(names[1:], (0, 0, 2, 1))),
    ]
    rows = [(cells, BOLD if cells[0] in fit.binding else None) for cells in rows_of(fit)]
    return Group(
        Line(fit.model, f"{fit.tried:,} configurations computed"),
        *(Wrapped(line, DIM) for line in run_lines(fit.how)),
        "",
        Wrapped(headline(fit), BOLD),
        "",
        Columns(columns, rows),
        Gap(),
        *(Wrapped(sentence, DIM) for sentence in notes(fit)),
    )
