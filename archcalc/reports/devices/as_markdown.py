"""The devices as a table in GitHub's markdown."""

from __future__ import annotations

from archcalc.quoting import markdown as escape
from archcalc.reports import numbers
from archcalc.reports.devices.report import Report, known_from
from archcalc.reports.tables import table


def render(report: Report) -> str:
    """A row for each."""
    rows = [
        (
            one.name,
            numbers.size(one.memory_bytes),
            f"{numbers.short(round(one.bandwidth))}B/s",
            f"{numbers.short(round(max(one.peaks.values())))}FLOP/s",
            known_from(one),
            escape(one.title),
        )
        for one in report.devices
    ]
    return table(("device", "memory", "bandwidth", "most", "times", "title"), "lrrrll", rows)
