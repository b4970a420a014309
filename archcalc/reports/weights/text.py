"""For people: tables by type and by module, and the totals."""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.reports.blocks import Block, Group
from archcalc.reports.columns import Column, Columns
from archcalc.reports.numbers import exact, share, size
from archcalc.reports.weights.summary import Part, Summary


def render(summary: Summary, rule: bool) -> Block:
    """The tensors of one source."""
    total, buffers = summary.total, summary.buffers
    lines = [
        f"  {exact(summary.params)} parameters · {size(total.bytes) or '0 B'} in the file"
        f" · {size(4 * total.elements) or '0 B'} as fp32, {size(2 * total.elements) or '0 B'} as bf16"
    ]
    if buffers.tensors:
        lines.append(f"  {exact(buffers.elements)} numbers more in buffers, by their names ({exact(buffers.tensors)})")
    return Group(
        summary.path,
        "",
        _table("type", summary.by_type, total.bytes, rule),
        *([] if rule else [""]),
        _table("module", summary.by_module, total.bytes, rule),
        *([] if rule else [""]),
        *lines,
    )


def _table(name: str, parts: Sequence[Part], whole: int, rule: bool) -> Columns:
    columns = [Column(name), Column("tensors", rank=2), Column("numbers"), Column("bytes"), Column("%", rank=1)]
    rows = [
        ((part.name, exact(part.tensors), exact(part.elements), size(part.bytes), share(part.bytes, whole)), None)
        for part in parts
    ]
    return Columns(columns, rows, rule)
