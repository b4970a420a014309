"""One JSON object per line and point, for programs that read them as they come."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.reports.documents import dumps
from archcalc.reports.sweep.as_json import point
from archcalc.reports.sweep.report import Report


def render(report: Report) -> Iterator[str]:
    """The points as in `json`, in the order in which they are computed."""
    for one in report.outcomes:
        yield dumps(point(one, report.measures))
