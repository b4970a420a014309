"""The devices, a line each."""

from __future__ import annotations

from archcalc.reports.devices.report import Report, known_from
from archcalc.reports.sheet import sheet

HEADER = ("name", "title", "kind", "memory_bytes", "bandwidth", "peaks", "processors", "times", "source")


def render(report: Report) -> str:
    """By name."""
    rows = [
        (
            one.name,
            one.title,
            one.kind,
            one.memory_bytes,
            one.bandwidth,
            " ".join(f"{dtype}={peak:g}" for dtype, peak in one.peaks.items()),
            one.processors,
            known_from(one),
            one.source,
        )
        for one in report.devices
    ]
    return sheet(HEADER, rows)
