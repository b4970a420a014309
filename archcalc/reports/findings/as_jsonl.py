"""One JSON object a line, a finding each: for tools that read line by line."""

from __future__ import annotations

from archcalc.reports.documents import dumps
from archcalc.reports.findings.report import Report, data


def render(report: Report) -> str:
    """The findings as the `json` form has them."""
    pairs = zip(report.findings, report.fingerprints())
    return "".join(dumps(data(finding, mark)) for finding, mark in pairs)
