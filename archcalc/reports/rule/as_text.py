"""A rule for people."""

from __future__ import annotations

from archcalc.reports.blocks import Block, Group
from archcalc.reports.paragraphs import Entry, Heading, Prose
from archcalc.reports.rules.report import EVIDENCE, FIX_KINDS, SECTIONS, Report, key


def render(report: Report) -> Block:
    """Its facts, its documentation, its example."""
    (facts,) = report.entries
    code = facts["code"]
    rows = {
        "severity": facts["severity"],
        "evidence": f"{facts['evidence']}: {EVIDENCE[facts['evidence']]}",
        "default": "on" if facts["default"] else f"off: --select {code} or ALL",
        "fix": FIX_KINDS[facts["fix"] or ""],
    }
    blocks: list[Block] = [Heading(f"{code}  {facts['name']}"), ""]
    blocks += [*(Entry(title, text, 8, 3, None) for title, text in rows.items()), "", Prose(facts["why"])]
    for title in SECTIONS:
        if facts[key(title)]:
            lines = (f"    {line}".rstrip() for line in facts[key(title)].rstrip().splitlines())
            blocks += ["", Heading(f"{title}:"), Prose("\n".join(lines))]
    return Group(*blocks)
