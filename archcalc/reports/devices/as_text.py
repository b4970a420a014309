"""The devices, for people."""

from __future__ import annotations

from archcalc.reports import numbers
from archcalc.reports.blocks import DIM, Block, Gap, Group, Style
from archcalc.reports.columns import Column, Columns
from archcalc.reports.devices.report import Report, known_from
from archcalc.reports.paragraphs import Wrapped

_COLUMNS = (
    Column("device", right=False),
    Column("memory"),
    Column("bandwidth"),
    Column("most", rank=1),
    Column("times", right=False, rank=2),
    Column("title", right=False, rank=3),
)


def render(report: Report) -> Block:
    """A row for each, and how to name one."""
    rows: list[tuple[list[str], Style | None]] = [
        (
            [
                one.name,
                numbers.size(one.memory_bytes),
                f"{numbers.short(round(one.bandwidth))}B/s",
                f"{numbers.short(round(max(one.peaks.values())))}FLOP/s",
                known_from(one),
                one.title,
            ],
            None,
        )
        for one in report.devices
    ]
    note = (
        "memory is what PyTorch reports, less than the number in the name; most is the highest rate of any type, "
        'without sparsity. --device takes names as people write them, e.g. "RTX 4090", and files, e.g. ./mine.json'
    )
    return Group(Columns(_COLUMNS, rows), Gap(), Wrapped(note, DIM))
