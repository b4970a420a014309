"""A network from the JSON that `archcalc shapes` saved."""

from __future__ import annotations

import json
from typing import Any

from archcalc.diagnostics import RequestError
from archcalc.difference.side import COSTS, LayerRecord, Side


def side_of_json(text: str, path: str) -> Side:
    """A network that `archcalc shapes --format json` saved. Raises `RequestError` for anything else."""
    try:
        document: dict[str, Any] = json.loads(text)
        layers = [
            LayerRecord(
                layer["id"],
                layer["label"],
                "×".join(str(size) for size in layer["output"]),
                layer["count"],
                layer["params"],
                layer["macs"],
            )
            for layer in document["layers"]
        ]
        return Side(document["model"], {name: int(document["totals"][name]) for name in COSTS}, layers)
    except (ValueError, KeyError, TypeError):
        raise RequestError(f"{path!r} is not what `archcalc shapes --format json` prints for one spec") from None
