"""A rule for people."""

from __future__ import annotations

from archcalc.reports.rules.report import EVIDENCE, FIX_KINDS, SECTIONS, Report, key


def render(report: Report) -> str:
    """Its facts, its documentation, its example."""
    (facts,) = report.entries
    code = facts["code"]
    lines = [
        f"{code}  {facts['name']}",
        "",
        f"  severity   {facts['severity']}",
        f"  evidence   {facts['evidence']}: {EVIDENCE[facts['evidence']]}",
        f"  default    {'on' if facts['default'] else f'off: --select {code} or ALL'}",
        f"  fix        {FIX_KINDS[facts['fix'] or '']}",
        "",
        facts["why"],
    ]
    for title in SECTIONS:
        if facts[key(title)]:
            lines += ["", f"{title}:", *(f"    {line}".rstrip() for line in facts[key(title)].rstrip().splitlines())]
    return "\n".join(lines) + "\n"
