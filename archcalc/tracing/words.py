"""A node in the words of the language: its name, its keys except defaults, what it reads."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from archcalc.layers import REGISTRY
from archcalc.layers.operands import Operands
from archcalc.sources.writing import Item
from archcalc.tracing.graph import Node, Out

# Sizes of windows: one number if all are equal.
_WINDOWS = frozenset(("kernel", "stride", "padding", "dilation", "output_padding", "scale", "size"))
# What an output is called here.
Refer = Callable[[Out], str]


def number(value: float) -> str:
    """A number as a person writes it: 1e-5, 0.5, 3."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if math.isinf(value):
        return "1e30" if value > 0 else "-1e30"
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    root = _as_root(value)
    if root is not None:
        return root
    short = f"{value:.12g}"
    short = short if "e+" in short else repr(float(short))
    return short.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def _as_root(value: float) -> str | None:
    """A long number as a person writes it if it is a fraction or the root of a whole number: 1/15, 2/55, 8**-0.5."""
    if len(repr(value)) < _LONG or not 1e-4 < abs(value) < 1e4:
        return None
    for power, told in ((-1, "1/{}"), (-2, "{}**-0.5"), (2, "{}**0.5")):
        whole = round(value**power)
        if value > 0 and 1 < whole <= _MOST_WHOLE and abs(value**power / whole - 1) < 1e-14:
            return told.format(whole)
    near = Fraction(value).limit_denominator(_MOST_WHOLE)
    if near and abs(value / float(near) - 1) < 1e-14:
        return f"{near.numerator}/{near.denominator}"
    return None


# Shorter numbers stay as they are; larger whole numbers are not recognisable under a root.
_LONG, _MOST_WHOLE = 10, 4096


def collapsed(op: str, key: str, value: Any) -> Any:
    """One number for the sizes of a window if they are equal, or if there is one axis."""
    if isinstance(value, tuple):
        windows = key in _WINDOWS or (key == "output" and op in ("adaptiveavgpool", "adaptivemaxpool", "fold"))
        if windows and len(set(value)) == 1:
            return value[0]
    return value


def shown(value: Any, refer: Refer) -> str:
    """A key's value as text."""
    if isinstance(value, Out):
        return refer(value)
    if isinstance(value, tuple):
        return "x".join(number(one) for one in value)
    if isinstance(value, (bool, int, float)):
        return number(value)
    return str(value)


def plain_keys(node: Node) -> dict[str, Any]:
    """The keys that differ from their defaults, in the order of the language."""
    layer = REGISTRY[node.op]
    found: dict[str, Any] = {}
    for key in (
        *layer.arguments,
        *(one for one in node.keys if layer.free_keys is not None and one not in layer.arguments),
    ):
        if key not in node.keys:
            continue
        value = collapsed(node.op, key, node.keys[key])
        if value is None or (key in layer.arguments and is_default(node, key, value)):
            continue
        found[key] = value
    return found


def is_default(node: Node, key: str, value: Any) -> bool:
    """Whether a key has this value when it is not given."""
    if key == "stride" and node.op in ("maxpool", "avgpool"):
        return bool(value == collapsed(node.op, "kernel", node.keys["kernel"]))
    if key == "bias" and node.keys.get("affine") is False:
        return True
    argument = REGISTRY[node.op].arguments[key]
    if argument.required:
        return False
    default = argument.default
    if isinstance(default, tuple) and len(set(default)) == 1 and not isinstance(value, tuple):
        default = default[0]
    if isinstance(default, tuple) and not isinstance(value, tuple):
        value = (value,)
    if isinstance(value, tuple) and not isinstance(default, tuple) and default is not None:
        default = (default,)
    if isinstance(default, float) and isinstance(value, (int, float)) and not isinstance(value, bool):
        return abs(default - value) <= 1e-9 * abs(default)
    return bool(default == value)


def operand_key(op: str) -> str | None:
    """The key that takes operands, for layers that have one."""
    return next((name for name, one in REGISTRY[op].arguments.items() if isinstance(one, Operands)), None)


def line(node: Node, refer: Refer, keys: dict[str, str] | None = None) -> str:
    """A node as one line without `from` and `name`; its operands are not written in it."""
    if keys is None:
        keys = {key: shown(value, refer) for key, value in plain_keys(node).items()}
    first = REGISTRY[node.op].first
    words = [node.op]
    for key, text in keys.items():
        quoted = f"'{text}'" if " " in text or key in ("pattern", "equation", "what") else text
        words.append(quoted if key == first else f"{key}={quoted}")
    return " ".join(words)


def flat(node: Node, name: str, refer: Refer, read: Out | None) -> Item:
    """A node with a name, reading by names."""
    key = operand_key(node.op)
    if key is not None:
        keys: dict[str, Any] = {one: shown(value, refer) for one, value in plain_keys(node).items()}
        if "pattern" in keys or "equation" in keys or "what" in keys:
            keys = {one: f"'{text}'" if one in ("what", "equation") else text for one, text in keys.items()}
        operands = [refer(out) for out in node.inputs]
        if not keys:
            return {node.op: operands, "name": name}
        if node.op == "opaque":
            keys = opaque_keys(node)
        return {node.op: {**keys, key: operands}, "name": name}
    text = line(node, refer)
    if read is not None and node.inputs and REGISTRY[node.op].takes_input:
        text += f" from={refer(read)}"
    text += f" name={name}"
    if node.tie is not None:
        text += f" tie={refer(Out(node.tie))}"
    return text


def opaque_keys(node: Node) -> dict[str, Any]:
    """The keys of an opaque layer, with its sizes as lists."""
    keys: dict[str, Any] = {"what": f"'{node.keys['what']}'"}
    if node.further:
        keys["output"] = {"main": list(node.sizes), **{name: list(sizes) for name, sizes in node.further.items()}}
    else:
        keys["output"] = list(node.sizes)
    for key in ("params", "buffers", "macs"):
        if node.keys.get(key):
            keys[key] = str(node.keys[key])
    return keys
