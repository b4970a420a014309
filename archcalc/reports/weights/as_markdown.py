"""Tables by type and by module in GitHub's markdown."""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.quoting import markdown as escape
from archcalc.reports.numbers import exact, size
from archcalc.reports.tables import table
from archcalc.reports.weights.report import Part, Report


def render(report: Report) -> str:
    """Both tables under the totals."""
    total, buffers = report.total, report.buffers
    counts = f"{exact(report.params)} parameters, {size(total.bytes) or '0 B'} in the file."
    if buffers.tensors:
        counts += (
            f" {exact(buffers.elements)} more numbers in buffers, judging by their names ({exact(buffers.tensors)})."
        )
    tables = (_table("type", report.by_type), _table("module", report.by_module))
    return "\n".join((f"### {escape(report.path)}\n\n{counts}\n", *tables))


def _table(name: str, parts: Sequence[Part]) -> str:
    lines = [(escape(part.name), exact(part.tensors), exact(part.elements), size(part.bytes)) for part in parts]
    return table((name, "tensors", "numbers", "bytes"), "lrrr", lines)
