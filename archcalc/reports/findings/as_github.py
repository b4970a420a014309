"""Workflow commands, which GitHub shows as annotations: at most ten errors and ten warnings per step.

The most severe therefore come first; the whole list belongs in the step's summary.
"""

from __future__ import annotations

from archcalc.quoting import visible
from archcalc.reports.findings.report import Report, shown_path
from archcalc.rules.base import Finding

# The text is meant as commands to a CI system, so nothing in it is escaped again.
COMMANDS = True
# The form of the whole list on the step's summary page.
SUMMARY = "markdown"
_KINDS = {"error": "error", "warning": "warning", "info": "notice"}


def render(report: Report) -> str:
    """One command a finding."""
    return "".join(_command(finding) + "\n" for finding in report.findings)


def _command(finding: Finding) -> str:
    place = finding.place
    properties = {
        "title": f"archcalc ({finding.code})",
        "file": shown_path(place.source.path),
        "line": str(place.line),
        "endLine": str(place.end_line),
    }
    if place.line == place.end_line:  # columns are rejected in ranges of several lines
        properties |= {"col": str(place.column), "endColumn": str(place.end_column)}
    message = finding.message + (f"\n{finding.help}" if finding.help else "")
    given = ",".join(f"{name}={_escape(value, ':,')}" for name, value in properties.items())
    return f"::{_KINDS[finding.severity]} {given}::{_escape(message)}"


def _escape(text: str, more: str = "") -> str:
    text = text.replace("%", "%25")
    for character in "\r\n" + more:
        text = text.replace(character, f"%{ord(character):02X}")
    return visible(text)
