"""One JSON object per line and finding, for tools that read line by line."""

from __future__ import annotations

from archcalc.reports.documents import dumps
from archcalc.reports.findings.report import Report, data


def render(report: Report) -> str:
    """The findings as in the `json` form."""
    pairs = zip(report.findings, report.fingerprints())
    return "".join(dumps(data(finding, mark)) for finding, mark in pairs)
