"""One JSON object a line, a finding each: for tools that read line by line."""

from __future__ import annotations

import json

from archcalc.reports.findings.report import Report, data


def render(report: Report) -> str:
    """The findings as the `json` form has them."""
    pairs = zip(report.findings, report.fingerprints())
    return "".join(json.dumps(data(finding, mark), ensure_ascii=False) + "\n" for finding, mark in pairs)
