"""Activations."""

from __future__ import annotations

from archcalc.layers.layout import FEATURES_LAST
from tests.draw.layers import key, often
from tests.draw.layers.place import Place

often(2, "relu", "glu")


@key("parameters", of="prelu", chance=0.5)
def parameters(at: Place) -> object:
    return 1 if at.x.layout == FEATURES_LAST else at.pick(1, at.shape[0])


@key("axis", of="glu", chance=0.8)
def axis(at: Place) -> object:
    even = [axis for axis, size in enumerate(at.shape) if size % 2 == 0]
    return at.pick(*even) if even else None


@key("factor", of="scale")
def factor(at: Place) -> object:
    return at.pick("0.5", "-2", "3**-0.5", "2")


@key("low", of="hardtanh")
def low(at: Place) -> object:
    return at.pick("-2", "0", "-0.5")


@key("high", of="hardtanh")
def high(at: Place) -> object:
    return at.pick("6", "2", "0.5")
