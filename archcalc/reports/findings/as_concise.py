"""One line per finding, as compilers write them."""

from __future__ import annotations

from archcalc.quoting import visible
from archcalc.reports.findings.report import Report, one_line, shown_path


def render(report: Report) -> str:
    """`path:line:col: severity[CODE] message`."""
    lines = []
    for finding in report.findings:
        place = finding.place
        where = f"{visible(shown_path(place.source.path))}:{place.line}:{place.column}"
        mark = " [fix]" if finding.fix and finding.fix.safe else ""
        lines.append(f"{where}: {finding.severity}[{finding.code}]{mark} {one_line(finding.message)}\n")
    return "".join(lines)
