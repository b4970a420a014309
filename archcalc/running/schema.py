"""The JSON Schema of the `run:` key, made from the declaration."""

from __future__ import annotations

from typing import Any

from archcalc.running.declaration import FIELDS


def schema() -> dict[str, Any]:
    """The schema of a mapping with any of the fields."""
    return {
        "type": "object",
        "properties": {
            name: {**field.kind.schema(), "description": f"{field.help} Default: {field.default}."}
            for name, field in FIELDS.items()
            if not field.alone
        },
        "additionalProperties": False,
    }
