"""The devices, for machines."""

from __future__ import annotations

from archcalc.reports.devices.report import Report, known_from
from archcalc.reports.documents import VERSION, dumps


def render(report: Report) -> str:
    """The content of their files, without coefficients."""
    devices = [
        {
            "name": one.name,
            "title": one.title,
            "kind": one.kind,
            "memory_bytes": one.memory_bytes,
            "context_bytes": one.context_bytes,
            "bandwidth": one.bandwidth,
            "peaks": one.peaks,
            "processors": one.processors,
            "times": known_from(one),
            "source": one.source,
        }
        for one in report.devices
    ]
    return dumps({"version": VERSION, "devices": devices})
