"""The comparison as a table in GitHub's markdown."""

from __future__ import annotations

from archcalc.quoting import markdown as escape
from archcalc.reports.numbers import exact
from archcalc.reports.tables import table
from archcalc.reports.verification.report import Report


def render(report: Report) -> str:
    """A row for each network, and the differences in a list."""
    rows, notes = [], []
    for one in report.networks:
        result = one.result
        count = len(result.differences)
        counts = (result.layers, result.parameters, result.params, result.flops, result.backward_flops)
        verdict = "equal" if not count else f"{count:,} {'difference' if count == 1 else 'differences'}"
        rows.append((escape(one.model), verdict, *map(exact, counts)))
        notes += [f"* {escape(one.model)}: {escape(str(each))}\n" for each in result.differences]
    header = ("model", "PyTorch", "layers", "named parameters", "params", "FLOPs", "backward FLOPs")
    return table(header, "llrrrrr", rows) + ("\n" if notes else "") + "".join(notes)
