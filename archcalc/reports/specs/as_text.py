"""The specs that come along, for people."""

from __future__ import annotations

from archcalc.reports import numbers
from archcalc.reports.blocks import DIM, Block, Gap, Group, Style
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
# Sources are cut here; the other forms have all of them, and so does the file.
_WIDEST = 38


def render(report: Report) -> Block:
    """A row for each, and how one is named."""
    rows: list[tuple[list[str], Style | None]] = []
    for one in report.specs:
        source = one.source.partition("; ")[0]
        source = source if len(source) <= _WIDEST else source[: _WIDEST - 1].rstrip(" ,") + "…"
        counts = [numbers.short(one.params), numbers.short(one.macs)]
        rows.append(([one.name, *counts, source, " ".join(one.variants)], None))
    note = "a name stands for its file in every command: archcalc shapes resnet50, vgg16@bn; a file of that name comes first"
    return Group(Columns(_COLUMNS, rows), Gap(), Wrapped(note, DIM))
