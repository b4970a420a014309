"""The shipped specs, for people."""

from __future__ import annotations

from archcalc.reports import numbers
from archcalc.reports.blocks import DIM, UNBOUNDED, Block, Gap, Group, Laid, Style, rendered
from archcalc.reports.columns import Column, Columns
from archcalc.reports.paragraphs import Wrapped
from archcalc.reports.specs.report import Report

_COLUMNS = (
    Column("spec", right=False),
    Column("params"),
    Column("MACs", rank=1),
    Column("source", right=False, rank=2),
    Column("variants", right=False, rank=3),
)
# On a narrow page, sources are cut at a word; the file has the whole text.
_WIDEST = 38


def render(report: Report) -> Block:
    """A row for each, and how to name one."""
    note = (
        "every command takes a name for its file: archcalc shapes resnet50, vgg16@bn; a file of that name comes first"
    )
    return Group(Laid(lambda page: rendered(_table(report, page.width < UNBOUNDED), page)), Gap(), Wrapped(note, DIM))


def _table(report: Report, short: bool) -> Columns:
    rows: list[tuple[list[str], Style | None]] = []
    for one in report.specs:
        source = one.source.partition("; ")[0]
        if short and len(source) > _WIDEST:
            source = source[:_WIDEST].rpartition(" ")[0] + " …"
        counts = [numbers.short(one.params), numbers.short(one.macs)]
        rows.append(([one.name, *counts, source, " ".join(one.variants)], None))
    return Columns(_COLUMNS, rows)
