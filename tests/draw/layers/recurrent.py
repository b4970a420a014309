"""Recurrent layers."""

from __future__ import annotations

from archcalc.layers.tensor import Tensor
from tests.draw.layers import fits, key, often
from tests.draw.layers.place import Place

often(3, "rnn", "lstm", "gru")


@fits("rnn", "lstm", "gru")
def is_short(x: Tensor) -> bool:
    """On the meta device every step of every gate is a call."""
    return x.shape[0] <= 16


@key("hidden", of=("rnn", "lstm", "gru"))
def hidden(at: Place) -> object:
    return at.pick(3, 4, 6)


@key("bias", of=("rnn", "lstm", "gru"), chance=0.5)
def bias(at: Place) -> object:
    return at.pick("one", True, False)


@key("layers", of=("rnn", "lstm", "gru"))
def layers(at: Place) -> object:
    return at.pick(1, 2, 2, 3)


@key("proj", of="lstm", chance=0.3)
def proj(at: Place) -> object:
    return at.pick(1, 2)


@key("dropout", of=("rnn", "lstm", "gru"), chance=0.6)
def dropout(at: Place) -> object:
    return 0.5 if (at["layers"] or 1) > 1 else None
