"""For people: the findings under the name of their file."""

from __future__ import annotations

from archcalc.quoting import visible
from archcalc.reports.findings.report import Report, one_line


def render(report: Report) -> str:
    """A heading for each file with findings, and the columns aligned below it."""
    parts = []
    for path, findings in report.by_file().items():
        if not findings:
            continue
        places = [f"{finding.place.line}:{finding.place.column}" for finding in findings]
        width = max(map(len, places))
        kind = max(len(finding.severity) for finding in findings)
        rows = [
            f"  {place:>{width}}  {finding.severity:<{kind}}  {finding.code}  {one_line(finding.message)}"
            for place, finding in zip(places, findings)
        ]
        parts.append("\n".join((visible(path), *rows)) + "\n")
    return "\n".join((*parts, report.summary() + "\n"))
