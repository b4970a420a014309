"""GitLab's code quality report."""

from __future__ import annotations

from archcalc.reports.documents import dumps
from archcalc.reports.findings.report import Report, shown_path, span

_SEVERITIES = {"error": "major", "warning": "minor", "info": "info"}


def render(report: Report) -> str:
    """A list of issues; the text begins with the code, which GitLab would not show otherwise."""
    issues = []
    for finding, mark in zip(report.findings, report.fingerprints()):
        positions = span(finding.place)
        issues.append(
            {
                "description": f"{finding.code}: {finding.message}",
                "check_name": finding.code,
                "fingerprint": mark,
                "severity": _SEVERITIES[finding.severity],
                "location": {
                    "path": shown_path(finding.place.source.path),
                    "positions": {"begin": positions["start"], "end": positions["end"]},
                },
            }
        )
    return dumps(issues, indent=1)
