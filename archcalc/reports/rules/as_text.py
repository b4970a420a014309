"""Every rule on a line, for people."""

from __future__ import annotations

from archcalc.reports.blocks import Block, Group
from archcalc.reports.columns import Column, Columns
from archcalc.reports.paragraphs import Heading, Prose
from archcalc.reports.rules.report import GROUPS, Report


def render(report: Report) -> Block:
    """By group."""
    blocks: list[Block] = []
    groups = dict.fromkeys(one["group"] for one in report.entries)
    width = max(len(one["name"]) for one in report.entries)
    for group in groups:
        rows = []
        for one in report.entries:
            if one["group"] == group:
                marks = [
                    *([] if one["default"] else ["off"]),
                    *(["with --device"] if one["evidence"] == "measured" else []),
                    *([f"{one['fix']} fix"] if one["fix"] else []),
                ]
                cells = (f"{one['code']}  {one['name']:<{width}}", f"{one['severity']:<7}", ", ".join(marks))
                rows.append((cells, None))
        columns = (Column("", right=False), Column("", right=False), Column("", right=False, rank=1))
        blocks += [
            Heading(f"{group}  {GROUPS.get(group, '')}".rstrip()),
            Columns(columns, rows, False, header=False),
            "",
        ]
    last = "`archcalc rule CODE` describes one; those marked off run with --select CODE, or ALL."
    return Group(*blocks, Prose(last))
