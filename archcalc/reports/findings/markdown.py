"""A table for a pull request's comment or a step's summary."""

from __future__ import annotations

from archcalc.reports.findings.report import Report, one_line, plural, shown_path

_MOST = 200  # a comment holds 65,536 characters


def render(report: Report) -> str:
    """A headline and a table, the most severe first."""
    lines = [f"**archcalc: {report.summary()}** in {plural(len(report.specs), 'spec')}", ""]
    if report.findings:
        lines += ["| severity | code | place | finding |", "|---|---|---|---|"]
        for finding in report.findings[:_MOST]:
            place = f"{shown_path(finding.place.source.path)}:{finding.place.line}:{finding.place.column}"
            told = _cell(finding.message) + (f"<br>{_cell(finding.help)}" if finding.help else "")
            lines.append(f"| {finding.severity} | {finding.code} | {_cell(place)} | {told} |")
        if len(report.findings) > _MOST:
            lines += ["", f"and {len(report.findings) - _MOST} more"]
    return "\n".join(lines).rstrip("\n") + "\n"


def _cell(text: str) -> str:
    """Text that stays in its cell and is not taken for HTML."""
    text = one_line(text)
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("|", "&#124;")):
        text = text.replace(character, entity)
    return text
