"""A table for a pull request's comment or a step's summary."""

from __future__ import annotations

from archcalc.quoting import markdown, markdown_links, markdown_message
from archcalc.reports.findings.report import Report, one_line, plural, shown_path

_MOST = 200  # a comment holds 65,536 characters


def render(report: Report) -> str:
    """A headline and a table, the most severe first."""
    lines = [f"**archcalc: {report.summary()}** in {plural(len(report.specs), 'spec')}", ""]
    if report.findings:
        lines += ["| severity | code | place | finding |", "|---|---|---|---|"]
        for finding in report.findings[:_MOST]:
            place = f"{shown_path(finding.place.source.path)}:{finding.place.line}:{finding.place.column}"
            told = markdown_message(one_line(finding.message)) + (
                f"<br>{markdown_message(one_line(finding.help))}" if finding.help else ""
            )
            lines.append(f"| {finding.severity} | {finding.code} | {markdown(place)} | {told} |")
        if len(report.findings) > _MOST:
            lines += ["", f"and {len(report.findings) - _MOST} more"]
    return markdown_links("\n".join(lines)).rstrip("\n") + "\n"
