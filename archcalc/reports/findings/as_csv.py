"""One line per finding, for a spreadsheet."""

from __future__ import annotations

from archcalc.reports.findings.report import Report, one_line, shown_path
from archcalc.reports.sheet import sheet

HEADER = ("path", "line", "column", "severity", "code", "name", "layer", "message", "help", "fix", "fingerprint")


def render(report: Report) -> str:
    """The most severe first."""
    lines = []
    for finding, mark in zip(report.findings, report.fingerprints()):
        place = finding.place
        fix = "" if finding.fix is None else "safe" if finding.fix.safe else "unsafe"
        told = (one_line(finding.message), one_line(finding.help or ""), fix, mark)
        where = (shown_path(place.source.path), place.line, place.column)
        lines.append((*where, finding.severity, finding.code, finding.name, finding.layer or "", *told))
    return sheet(HEADER, lines)
