"""Changes as CSV: the costs before and after, then a line for each change."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.difference.compare import Difference
from archcalc.difference.side import MEASURES
from archcalc.reports.difference.report import Needs, Report
from archcalc.reports.difference.rows import rows
from archcalc.reports.sheet import sheet

NEEDS = Needs(MEASURES, budget=False)
HEADER = ("file", "model", "what", "change", "before", "after", "details")
_SIGNS = {"+": "added", "−": "removed", "~": "changed", "": "settings"}


def render(report: Report) -> str:
    """Of every network that changed."""
    return sheet(HEADER, [line for found in report.changed for line in _lines(report, found)])


def _lines(report: Report, found: Difference) -> Iterator[tuple[object, ...]]:
    where = (found.file, report.title(found))
    for measure in found.measures:
        before, after = found.totals(measure)
        yield (*where, measure, "same" if before == after else "changed", before, after, "")
    for row in rows(found):
        yield (*where, row.what, _SIGNS[row.sign], "", "", ", ".join(row.details))
