"""For machines: exact integers, the unit in the key, version 1."""

from __future__ import annotations

import json
from typing import Any

from archcalc.reports.weights.summary import Part, Summary

VERSION = 1


def render(summary: Summary) -> str:
    """The tensors of one source."""
    document = {
        "version": VERSION,
        "path": summary.path,
        "params": summary.params,
        "buffers": summary.buffers.elements,
        "bytes": summary.total.bytes,
        "types": [_part(part) for part in summary.by_type],
        "modules": [_part(part) for part in summary.by_module],
    }
    return json.dumps(document, indent=2) + "\n"


def _part(part: Part) -> dict[str, Any]:
    return {"name": part.name, "tensors": part.tensors, "elements": part.elements, "bytes": part.bytes}
