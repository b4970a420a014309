"""Keras activations as spec lines."""

from __future__ import annotations

from archcalc.sources.file import Json
from archcalc.sources.keras.layer import Layer
from archcalc.sources.writing import Item

_LINES = {
    "relu": "relu", "relu6": "relu6", "silu": "silu", "swish": "silu", "tanh": "tanh", "sigmoid": "sigmoid",
    "softplus": "softplus", "softsign": "softsign", "elu": "elu", "selu": "selu", "hard_sigmoid": "hardsigmoid",
    "hard_silu": "hardswish", "hard_swish": "hardswish", "exponential": "exp", "leaky_relu": "leakyrelu slope=0.2",
    "mish": "mish", "gelu": "gelu", "celu": "celu",
}  # fmt: skip


def activation(layer: Layer, key: str, rank: int) -> list[Item]:
    """The activation in a layer's setting `key`; nothing for `linear`."""
    value = layer.get(key)
    name = _name(value)
    if name in (None, "linear"):
        return []
    if name in ("softmax", "log_softmax"):
        return [f"{name.replace('_', '')} axis={channel_axis(rank)}"]
    if name not in _LINES:
        layer.wrong(
            key, f"the activation {str(name)[:40]!r} is not supported", f"supported: {', '.join(sorted(_LINES))}"
        )
    return [_LINES[name]]


def channel_axis(rank: int) -> int:
    """The axis of channels or features after conversion."""
    return 0 if rank >= 3 else rank - 1


def _name(value: Json) -> str | None:
    if isinstance(value, dict):
        inner = value.get("config")
        found = inner if isinstance(inner, str) else value.get("class_name")
        value = found if not isinstance(found, str) else found.lower() if isinstance(inner, dict) else found
    return None if value is None else str(value)
