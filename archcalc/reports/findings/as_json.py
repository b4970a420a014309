"""The project's own form: one object, whose version increases when a key changes its meaning."""

from __future__ import annotations

from archcalc.reports import documents
from archcalc.reports.findings.report import VERSION, Report, data
from archcalc.rules.base import SEVERITIES


def render(report: Report) -> str:
    """All findings, and how many of each severity."""
    document = {
        "version": documents.VERSION,
        "tool": {"name": "archcalc", "version": VERSION},
        "summary": {
            **{severity: report.count(severity) for severity in SEVERITIES},
            "fixable": report.fixable,
            "specs": len(report.specs),
        },
        "findings": [data(finding, mark) for finding, mark in zip(report.findings, report.fingerprints())],
    }
    return documents.dumps(document, indent=1)
