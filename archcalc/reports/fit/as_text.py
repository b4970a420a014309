"""The largest value within limits, for people."""

from __future__ import annotations

from archcalc.reports.blocks import BOLD, DIM, Block, Gap, Group
from archcalc.reports.columns import Column, Columns
from archcalc.reports.fit.words import headers, headline, notes
from archcalc.reports.fit.words import rows as rows_of
from archcalc.reports.paragraphs import Line, Wrapped
from archcalc.reports.running import lines as run_lines
from archcalc.sweep.fit import Fit


def render(fit: Fit) -> Block:
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
