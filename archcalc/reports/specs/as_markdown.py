"""The shipped specs as a table in GitHub's markdown."""

from __future__ import annotations

from archcalc.quoting import markdown as escape
from archcalc.reports import numbers
from archcalc.reports.specs.report import Report
from archcalc.reports.tables import table


def render(report: Report) -> str:
    """A row for each."""
    rows = [
        (one.name, numbers.short(one.params), numbers.short(one.macs), ", ".join(one.variants), escape(one.source))
        for one in report.specs
    ]
    return table(("spec", "params", "MACs", "variants", "source"), "lrrll", rows)
