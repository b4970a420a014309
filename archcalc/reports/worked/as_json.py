"""A worked example for machines."""

from __future__ import annotations

from archcalc.reports.documents import VERSION, dumps
from archcalc.reports.worked.report import Report


def render(report: Report) -> str:
    """The input, the weights, the output, and the steps between in words."""
    example = report.example
    worked = {
        "label": report.label,
        "input": example.input,
        **({"inputs": example.inputs} if len(example.inputs) > 1 else {}),
        "weights": example.weights,
        "output": example.output,
        "steps": [{"title": title, "lines": lines} for title, lines in report.steps()],
    }
    return dumps({"version": VERSION, "worked": worked})
