"""reviewdog's form, whose suggestions a reviewer takes with one click."""

from __future__ import annotations

from typing import Any

from archcalc.diagnostics import Span
from archcalc.reports.documents import dumps
from archcalc.reports.findings.report import Report, shown_path
from archcalc.rules.base import Finding

_SEVERITIES = {"error": "ERROR", "warning": "WARNING", "info": "INFO"}


def render(report: Report) -> str:
    """All findings; those with one edit carry it as a suggestion."""
    document = {
        "source": {"name": "archcalc"},
        "severity": next((_SEVERITIES[kind] for kind in _SEVERITIES if report.count(kind)), "INFO"),
        "diagnostics": [_diagnostic(finding) for finding in report.findings],
    }
    return dumps(document, indent=1)


def _diagnostic(finding: Finding) -> dict[str, Any]:
    place = finding.place
    document: dict[str, Any] = {
        "message": finding.message + (f"\n{finding.help}" if finding.help else ""),
        "location": {"path": shown_path(place.source.path), "range": _range(place)},
        "severity": _SEVERITIES[finding.severity],
        "code": {"value": finding.code},
    }
    fix = finding.fix
    if fix and len(fix.edits) == 1 and fix.edits[0].place.source is place.source:
        edit = fix.edits[0]
        document["suggestions"] = [{"range": _range(edit.place), "text": edit.text}]
    related = [
        {"message": note.message, "location": {"path": shown_path(note.place.source.path), "range": _range(note.place)}}
        for note in finding.notes
        if note.place
    ]
    if related:
        document["relatedLocations"] = related
    return document


def _range(place: Span) -> dict[str, dict[str, int]]:
    """Start and end; the form counts columns in bytes of UTF-8."""
    ends = (("start", place.line, place.column), ("end", place.end_line, place.end_column))
    return {name: {"line": line, "column": _bytes_before(place, line, column) + 1} for name, line, column in ends}


def _bytes_before(place: Span, line: int, column: int) -> int:
    text = place.source.line(line)[: column - 1]
    # a place may be past the end of its line
    return len(text.encode("utf-8", "surrogateescape")) + column - 1 - len(text)
