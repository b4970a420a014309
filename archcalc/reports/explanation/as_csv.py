"""The derivation of layers, a line for each fact as people read it."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.reports.explanation.report import Explanation, Report
from archcalc.reports.sheet import sheet

HEADER = ("layer", "fact", "formula", "value", "note")


def render(report: Report) -> str:
    """Layer by layer."""
    return sheet(HEADER, [row for one in report.explanations for row in _rows(one)])


def _rows(one: Explanation) -> Iterator[tuple[str, ...]]:
    """The facts; the name of a part follows that of its fact."""
    fact = ""
    for line in one.lines:
        if line is None:
            continue
        if not line.level:
            fact = line.title
        title = f"{fact}: {line.title}" if line.level else line.title
        yield one.data["id"], title, line.formula, line.value.replace(",", ""), line.note
