"""JSON Schema of a spec, for editors: the top level, and every layer in its long form.

A layer written as a line is a string, checked by its first word only; the program itself checks
the rest.
"""

from __future__ import annotations

import inspect
from typing import Any

from archcalc.language.amounts import BUDGETS
from archcalc.language.document import EXPECTATIONS, KEYS, LOSSES
from archcalc.language.inputs import KEYS as INPUT_KEYS
from archcalc.language.inputs import LAYOUTS
from archcalc.layers import REGISTRY, Layer
from archcalc.layers.arguments import Whole
from archcalc.layers.operands import Body, Operands, Reference
from archcalc.network.steps import CACHE, FROZEN, REVERSE
from archcalc.running.schema import schema as run_schema

_EXPRESSION = {"type": "string", "pattern": r"^[A-Za-z0-9_+\-*/%().,\s]+$"}
_NUMBER_OR_EXPRESSION = {"anyOf": [{"type": "number"}, {"$ref": "#/$defs/expression"}]}
_SIZES = {"type": "array", "minItems": 1, "maxItems": 8, "items": _NUMBER_OR_EXPRESSION}
_INPUT = {
    "type": "object",
    "properties": {
        "size": {**_SIZES, "description": INPUT_KEYS["size"]},
        "layout": {"enum": list(LAYOUTS), "description": INPUT_KEYS["layout"]},
    },
    "required": ["size"],
    "additionalProperties": False,
}
_VALUES = {"type": "object", "additionalProperties": {"anyOf": [{"type": ["number", "boolean"]}, {"type": "string"}]}}


_VALUE = {"anyOf": [{"type": ["number", "boolean"]}, {"type": "string"}]}
_COPIES = Whole("", min=0).schema()
_REPEAT = {
    "anyOf": [
        *_COPIES["anyOf"],
        {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": r"^[A-Za-z_]\w*$"},
            "additionalProperties": {"anyOf": [*_COPIES["anyOf"], {"type": "array", "minItems": 1, "items": _VALUE}]},
        },
    ],
    "description": "independent copies in sequence; with names, a value per copy",
}
_NAME_OF_STATE = {"pattern": r"^[A-Za-z_]\w*$"}
_EACH = "layers to run on every entry of the first axis, or with `layers` the tensors to iterate over"
_SCAN = "the tensors to iterate over step by step, with `layers`, `state` and `next`"
_ENTRIES = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": _NAME_OF_STATE,
    "additionalProperties": Reference("").schema(),
}
_CARRIED = {
    "state": {
        "type": "object",
        "minProperties": 1,
        "propertyNames": _NAME_OF_STATE,
        "additionalProperties": {"anyOf": [Reference("").schema(), _SIZES]},
        "description": "tensors passed from copy to copy: the initial value of each, a layer or the sizes of zeros",
    },
    "next": {
        "type": "object",
        "minProperties": 1,
        "propertyNames": _NAME_OF_STATE,
        "additionalProperties": Reference("").schema(),
        "description": "the layer of the body that gives the next value of each state",
    },
}


# A layer, or one inside it: `encoder.embed`.
_INSIDE = r"^[A-Za-z_]\w*(\.\w+)*$"


def schema() -> dict[str, Any]:
    """The schema (draft 2020-12)."""
    common = {
        "name": {"type": "string", "pattern": r"^[A-Za-z_]\w*$", "description": "a name for its output"},
        "from": {**Reference("").schema(), "description": "the layer it reads; default: the one before"},
        "repeat": _REPEAT,
        "tie": {
            "type": "string",
            "pattern": _INSIDE,
            "description": "the layer whose weights it uses, possibly one inside a block",
        },
        "frozen": {**FROZEN.schema(), "description": FROZEN.doc},
        "cache": {**CACHE.schema(), "description": CACHE.doc},
    }
    forms = [
        {
            "type": "object",
            "required": [op],
            "properties": {op: {"$ref": f"#/$defs/layer-{op}"}, **common},
            "additionalProperties": False,
        }
        for op in REGISTRY
    ]
    repeat = {
        "type": "object",
        "required": ["repeat", "layers"],
        "properties": {"layers": {"$ref": "#/$defs/layers"}, **_CARRIED, **common},
        "additionalProperties": False,
    }
    each = {
        "type": "object",
        "required": ["each"],
        "properties": {
            "each": {"anyOf": [{"$ref": "#/$defs/layers"}, Reference("").schema(), _ENTRIES], "description": _EACH},
            "layers": {"$ref": "#/$defs/layers"},
            **common,
        },
        "additionalProperties": False,
    }
    scan = {
        "type": "object",
        "required": ["scan", "layers", "state"],
        "properties": {
            "scan": {"anyOf": [Reference("").schema(), _ENTRIES], "description": _SCAN},
            "layers": {"$ref": "#/$defs/layers"},
            **_CARRIED,
            "reverse": {**REVERSE.schema(), "description": REVERSE.doc},
            **common,
        },
        "additionalProperties": False,
    }
    # A block of the spec may have any name that is not a layer's.
    block = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"not": {"enum": [*REGISTRY, "layers", "each", "scan"]}},
        "properties": common,
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "archcalc spec",
        "type": "object",
        "required": ["model", "input", "layers"],
        "additionalProperties": False,
        "properties": _top_level(),
        "$defs": {
            "expression": _EXPRESSION,
            "layers": {"type": "array", "items": {"$ref": "#/$defs/item"}},
            "item": {
                "anyOf": [{"$ref": "#/$defs/line"}, {"$ref": "#/$defs/layers"}, *forms, repeat, each, scan, block]
            },
            "line": {"type": "string", "pattern": r"^[A-Za-z_]\w*(\s|$)"},
            **{f"layer-{op}": _layer(layer) for op, layer in REGISTRY.items()},
        },
    }


def _top_level() -> dict[str, Any]:
    counts = {name: {"type": "integer", "minimum": 0} for name in EXPECTATIONS if name != "output"}
    expectation = {**counts, "output": {"type": "array"}}
    run = run_schema()
    parts: dict[str, Any] = {
        "model": {"type": ["string", "number"]},
        "include": {"type": "array", "items": {"type": "string"}},
        "hparams": _VALUES,
        "variants": {
            "type": "object",
            "additionalProperties": {**_VALUES, "properties": {"run": {"anyOf": [_VALUE, run]}}},
        },
        "dims": _VALUES,
        "input": {
            "anyOf": [
                _SIZES,
                {"type": "object", "minProperties": 1, "additionalProperties": {"anyOf": [_SIZES, _INPUT]}},
            ]
        },
        "blocks": {"type": "object", "additionalProperties": {"$ref": "#/$defs/layers"}},
        "layers": {"$ref": "#/$defs/layers"},
        "output": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
        "loss": {"enum": list(LOSSES)},
        "run": run,
        "budget": {
            "type": "object",
            "properties": {name: {"type": ["string", "integer"]} for name in BUDGETS},
            "additionalProperties": False,
        },
        "growth": {
            "type": "object",
            "properties": {name: {"type": "string", "pattern": r"^\d+(\.\d+)?\s*%$"} for name in BUDGETS},
            "additionalProperties": False,
        },
        "expect": {
            "type": "object",
            "properties": expectation,
            "additionalProperties": {"type": "object", "properties": expectation, "additionalProperties": False},
        },
    }
    return {name: {**parts[name], "description": doc} for name, doc in KEYS.items()}


def _layer(layer: type[Layer]) -> dict[str, Any]:
    keys = {name: {**argument.schema(), "description": argument.doc} for name, argument in layer.arguments.items()}
    mapping: dict[str, Any] = {
        "type": "object",
        "properties": keys,
        "required": [name for name, argument in layer.arguments.items() if argument.required],
        "additionalProperties": layer.free_keys.schema() if layer.free_keys else False,
    }
    description = inspect.getdoc(layer) or ""
    first = layer.arguments[layer.first] if layer.first else None
    if isinstance(first, (Body, Operands)):
        return {"description": description, "anyOf": [first.schema(), mapping]}
    return {"description": description, **mapping}
