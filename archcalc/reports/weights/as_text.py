"""For people: tables by type and by module, and the totals."""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.quoting import visible
from archcalc.reports.blocks import Block, Gap, Group
from archcalc.reports.columns import Column, Columns
from archcalc.reports.numbers import exact, share, size
from archcalc.reports.paragraphs import Heading, Parts
from archcalc.reports.weights.report import Part, Report


def render(report: Report) -> Block:
    """The tensors of one source."""
    total, buffers = report.total, report.buffers
    facts = [
        f"{exact(report.params)} parameters",
        f"{size(total.bytes) or '0 B'} in the file",
        f"{size(4 * total.elements) or '0 B'} as fp32, {size(2 * total.elements) or '0 B'} as bf16",
    ]
    if buffers.tensors:
        facts.append(
            f"{exact(buffers.elements)} more numbers in buffers, judging by their names ({exact(buffers.tensors)})"
        )
    return Group(
        Heading(report.path),
        "",
        _table("type", report.by_type, total.bytes),
        Gap(),
        _table("module", report.by_module, total.bytes),
        Gap(),
        Parts(facts),
    )


def _table(name: str, parts: Sequence[Part], whole: int) -> Columns:
    columns = [Column(name), Column("tensors", rank=2), Column("numbers"), Column("bytes"), Column("%", rank=1)]
    rows = [
        (
            (visible(part.name), exact(part.tensors), exact(part.elements), size(part.bytes), share(part.bytes, whole)),
            None,
        )
        for part in parts
    ]
    return Columns(columns, rows)
