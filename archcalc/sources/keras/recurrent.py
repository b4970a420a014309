"""Recurrent layers of Keras: one bias for the gates of an LSTM, where PyTorch has two; a GRU has one or two."""

from __future__ import annotations

from collections.abc import Callable

from archcalc.sources.keras.layer import Layer
from archcalc.sources.writing import Item

_GATES = {"LSTM": 4, "GRU": 3, "SimpleRNN": 1}
_OPS = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "rnn"}


def _recurrent(layer: Layer, rank: int, mark: str) -> tuple[list[Item], int]:
    lines, _ = cell(layer, mark, "")
    all_steps = layer.flag("return_sequences")
    if layer.flag("go_backwards"):
        lines = ["flip 0", *lines]
    return lines if all_steps else [*lines, "select -1"], 2 if all_steps else 1


def cell(layer: Layer, mark: str, more: str) -> tuple[list[Item], int]:
    """The lines of a recurrence over all steps, and the size of its state."""
    kind, units = layer.kind, layer.whole("units")
    layer.only("activation", "tanh")
    layer.only("recurrent_activation", "sigmoid")
    layer.number("recurrent_dropout", 0)
    layer.number("dropout", 0)
    layer.flag("return_state")
    biased = layer.flag("use_bias", True)
    two = kind == "GRU" and layer.flag("reset_after", True)
    line = f"{_OPS[kind]} {units}{more}{'' if biased and two else ' bias=false'}{mark}{layer.frozen_mark}"
    if not biased or two:
        return [line], units
    if mark:
        layer.refuse(f"`{kind}` {layer.name!r} is called several times, which is not read yet for one bias")
    both = 2 if more else 1
    name = "".join(letter if letter.isalnum() else "_" for letter in layer.name)
    note = "# archcalc: ignore[GRF701] the one bias of the gates"
    size = both * _GATES[kind] * units
    return [
        f"identity name=into_{name}",
        f"parameter {size}{layer.frozen_mark} name=bias_{name}  {note}",
        f"{line} from=into_{name}",
    ], units


def _bidirectional(layer: Layer, rank: int, mark: str) -> tuple[list[Item], int]:
    inner = Layer(layer.file, layer.get("layer"), [*layer.path, "config", "layer"])
    back = layer.get("backward_layer")
    if inner.kind not in _OPS:
        inner.refuse(f"`{inner.kind}` in both directions is not read yet")
    if back is not None:
        behind = Layer(layer.file, back, [*layer.path, "config", "backward_layer"])
        if behind.kind != inner.kind or behind.get("units") != inner.get("units"):
            behind.refuse("a way back of another kind or size is not read yet")
    layer.only("merge_mode", "concat")
    inner.name = layer.name
    inner.frozen = inner.frozen or layer.frozen
    lines, _ = cell(inner, mark, " bidirectional=true")
    steps = inner.flag("return_sequences")
    inner.get("go_backwards")
    inner.finish()
    if steps:
        return lines, 2
    name = "".join(letter if letter.isalnum() else "_" for letter in layer.name)
    if mark:
        layer.refuse(f"`Bidirectional` {layer.name!r} is called several times, which is not read yet")
    return [*lines[:-1], f"{lines[-1]} name=both_{name}", f"identity from=both_{name}.last"], 1


RECURRENT: dict[str, Callable[[Layer, int, str], tuple[list[Item], int]]] = {
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "SimpleRNN": _recurrent,
    "Bidirectional": _bidirectional,
}
