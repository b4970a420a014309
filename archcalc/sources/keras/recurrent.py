"""Keras recurrent layers: one bias per gate, except for a GRU with reset_after, which has two."""

from __future__ import annotations

from collections.abc import Callable

from archcalc.sources.keras.layer import Layer
from archcalc.sources.writing import Item

_OPS = {"LSTM": "lstm", "GRU": "gru", "SimpleRNN": "rnn"}


def _recurrent(layer: Layer, rank: int, mark: str) -> tuple[list[Item], int]:
    line = _reset_before(layer, mark) if _resets_before(layer) else _cell(layer, mark, "")
    all_steps = layer.flag("return_sequences")
    lines: list[Item] = ["flip 0", line] if layer.flag("go_backwards") else [line]
    return lines if all_steps else [*lines, "select -1"], 2 if all_steps else 1


def _resets_before(layer: Layer) -> bool:
    return layer.kind == "GRU" and not layer.flag("reset_after", True)


def _reset_before(layer: Layer, mark: str) -> Item:
    """The GRU of 2014, whose reset gate acts on the state before the product: PyTorch has none, so that it is a scan."""
    if mark:
        layer.refuse(f"GRU {layer.name!r} without reset_after is called several times, which is not supported yet")
    units = layer.whole("units")
    _cell(layer, mark, "")  # for what it refuses
    trained = layer.frozen_mark
    bias = "" if layer.flag("use_bias", True) else " bias=false"
    return {
        "scan": {"x": "prev"},
        "state": {"h": [units]},
        "layers": [
            [f"linear {3 * units}{bias} from=x{trained}", "split 3 name=given"],
            [f"linear {2 * units} bias=false from=h{trained}", "split 2 name=kept"],
            {"add": ["given.0", "kept.0"]},
            "sigmoid name=update",
            {"add": ["given.1", "kept.1"]},
            "sigmoid name=reset",
            {"mul": ["reset", "h"]},
            f"linear {units} bias=false{trained}",
            {"add": ["prev", "given.2"]},
            "tanh name=new",
            {"sub": ["h", "new"]},
            {"mul": ["update", "prev"]},
            {"add": ["new", "prev"]},
        ],
    }


def _cell(layer: Layer, mark: str, more: str) -> str:
    """The line of a recurrence over all steps."""
    kind, units = layer.kind, layer.whole("units")
    layer.only("activation", "tanh")
    layer.only("recurrent_activation", "sigmoid")
    layer.number("recurrent_dropout", 0)
    layer.number("dropout", 0)
    layer.flag("return_state")
    biased = layer.flag("use_bias", True)
    two = kind == "GRU" and layer.flag("reset_after", True)
    bias = "" if biased and two else " bias=one" if biased else " bias=false"
    return f"{_OPS[kind]} {units}{more}{bias}{mark}{layer.frozen_mark}"


def _bidirectional(layer: Layer, rank: int, mark: str) -> tuple[list[Item], int]:
    inner = Layer(layer.file, layer.get("layer"), [*layer.path, "config", "layer"])
    back = layer.get("backward_layer")
    if _resets_before(inner):
        inner.refuse("a GRU without reset_after in both directions is not supported yet")
    if inner.kind not in _OPS:
        inner.refuse(f"`{inner.kind}` in both directions is not supported yet")
    if back is not None:
        behind = Layer(layer.file, back, [*layer.path, "config", "backward_layer"])
        if behind.kind != inner.kind or behind.get("units") != inner.get("units"):
            behind.refuse("a backward layer of another kind or size is not supported yet")
    layer.only("merge_mode", "concat")
    inner.name = layer.name
    inner.frozen = inner.frozen or layer.frozen
    line = _cell(inner, mark, " bidirectional=true")
    steps = inner.flag("return_sequences")
    inner.get("go_backwards")
    inner.finish()
    if steps:
        return [line], 2
    name = "".join(letter if letter.isalnum() else "_" for letter in layer.name)
    if mark:
        layer.refuse(f"`Bidirectional` {layer.name!r} is called several times, which is not supported yet")
    return [f"{line} name=both_{name}", f"identity from=both_{name}.last"], 1


RECURRENT: dict[str, Callable[[Layer, int, str], tuple[list[Item], int]]] = {
    "LSTM": _recurrent,
    "GRU": _recurrent,
    "SimpleRNN": _recurrent,
    "Bidirectional": _bidirectional,
}
