"""A rule in GitHub's markdown."""

from __future__ import annotations

import re

from archcalc.quoting import markdown_message
from archcalc.reports.rules.report import EVIDENCE, FIX_KINDS, SECTIONS, Report, key
from archcalc.reports.tables import table


def render(report: Report) -> str:
    """Its facts as a table, its documentation, and its examples as blocks of code."""
    (facts,) = report.entries
    lines = [
        ("severity", facts["severity"]),
        ("evidence", f"{facts['evidence']}: {EVIDENCE[facts['evidence']]}"),
        ("default", "on" if facts["default"] else f"off: `--select {facts['code']}`"),
        ("fix", FIX_KINDS[facts["fix"] or ""]),
    ]
    parts = [
        f"### {facts['code']} {facts['name']}\n",
        table(("", ""), "ll", lines),
        f"{markdown_message(facts['why'])}\n",
    ]
    for title in SECTIONS:
        text = facts[key(title)].rstrip()
        if text and title == "Reference":
            parts.append(f"**{title}:** {markdown_message(' '.join(text.split()))}\n")
        elif text:
            fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
            parts.append(f"**{title}:**\n\n{fence}yaml\n{text}\n{fence}\n")
    return "\n".join(parts)
