"""The shipped specs, for machines."""

from __future__ import annotations

from archcalc.reports.documents import VERSION, dumps
from archcalc.reports.specs.report import Report


def render(report: Report) -> str:
    """Everything that is shown of each."""
    specs = [
        {
            "name": one.name,
            "model": one.model,
            "params": one.params,
            "macs": one.macs,
            "variants": one.variants,
            "about": one.about,
            "source": one.source,
        }
        for one in report.specs
    ]
    return dumps({"version": VERSION, "specs": specs})
