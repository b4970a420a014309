"""Every rule on a line, for people."""

from __future__ import annotations

from archcalc.reports.rules.report import GROUPS, Report


def render(report: Report) -> str:
    """By group."""
    lines: list[str] = []
    group = ""
    width = max(len(one["name"]) for one in report.entries)
    for one in report.entries:
        if one["group"] != group:
            group = one["group"]
            lines += [*([""] if lines else []), f"{group}  {GROUPS.get(group, '')}".rstrip()]
        marks = [
            *([] if one["default"] else ["off"]),
            *(["with --device"] if one["evidence"] == "measured" else []),
            *([f"{one['fix']} fix"] if one["fix"] else []),
        ]
        lines.append(f"  {one['code']}  {one['name']:<{width}}  {one['severity']:<7}  {', '.join(marks)}".rstrip())
    lines += ["", "`archcalc rule CODE` describes one; those marked off run with --select CODE, or ALL."]
    return "\n".join(lines) + "\n"
