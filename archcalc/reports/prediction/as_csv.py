"""One line for each layer of each prediction."""

from __future__ import annotations

from archcalc.reports.prediction.as_json import layer
from archcalc.reports.prediction.report import Report
from archcalc.reports.sheet import sheet


def render(report: Report) -> str:
    """The keys of a layer in JSON, after the model and the device."""
    found = [
        {"model": answer.prediction.graph.model, "device": answer.prediction.device.name, **layer(row)}
        for answer in report.answers
        for row in report.layers(answer)
    ]
    return sheet(found[0].keys() if found else ["model"], [row.values() for row in found])
