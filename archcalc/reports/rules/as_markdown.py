"""A table of the rules for each group, in GitHub's markdown."""

from __future__ import annotations

from itertools import groupby

from archcalc.quoting import markdown_message
from archcalc.reports.rules.report import GROUPS, Report
from archcalc.reports.tables import table


def render(report: Report) -> str:
    """By group, with the first sentence of what each is for."""
    parts = []
    for group, entries in groupby(report.entries, key=lambda one: one["group"]):
        lines = [
            (
                one["code"], one["name"], one["severity"], "on" if one["default"] else "off", one["fix"] or "",
                markdown_message(" ".join(one["why"].split("\n\n")[0].split())),
            )
            for one in entries
        ]  # fmt: skip
        header = ("code", "name", "severity", "default", "fix", "")
        parts.append(f"### {group}: {GROUPS.get(group, '')}\n\n" + table(header, "llllll", lines))
    return "\n".join(parts)
