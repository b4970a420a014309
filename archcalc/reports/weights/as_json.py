"""Exact integers, the unit in the key."""

from __future__ import annotations

from typing import Any

from archcalc.reports.documents import VERSION, dumps
from archcalc.reports.weights.report import Part, Report


def render(report: Report) -> str:
    """The tensors of one source."""
    document = {
        "version": VERSION,
        "path": report.path,
        "params": report.params,
        "buffers": report.buffers.elements,
        "bytes": report.total.bytes,
        "types": [_part(part) for part in report.by_type],
        "modules": [_part(part) for part in report.by_module],
    }
    return dumps(document, indent=2)


def _part(part: Part) -> dict[str, Any]:
    return {"name": part.name, "tensors": part.tensors, "elements": part.elements, "bytes": part.bytes}
