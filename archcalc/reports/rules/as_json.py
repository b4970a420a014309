"""Every rule with its documentation, for machines."""

from __future__ import annotations

from archcalc.reports.documents import VERSION, dumps
from archcalc.reports.rules.report import Report


def render(report: Report) -> str:
    """One after the other, in the order of the groups."""
    return dumps({"version": VERSION, "rules": report.entries}, indent=1)
