"""A line for each rule."""

from __future__ import annotations

from archcalc.reports.rules.report import Report
from archcalc.reports.sheet import sheet

HEADER = ("code", "name", "group", "severity", "evidence", "default", "fix", "why")


def render(report: Report) -> str:
    """In the order of the groups, with the first paragraph of what each is for."""
    return sheet(HEADER, [_line(one) for one in report.entries])


def _line(one: dict[str, object]) -> list[object]:
    why = " ".join(str(one["why"]).split("\n\n")[0].split())
    cells: list[object] = [one[name] for name in HEADER[:-1]]
    cells[HEADER.index("default")] = str(one["default"]).lower()
    cells[HEADER.index("fix")] = one["fix"] or ""
    return [*cells, why]
