"""Layers that tell positions apart."""

from __future__ import annotations

from archcalc.layers.tensor import Tensor
from tests.draw.layers import fits, key, often
from tests.draw.layers.place import Place

often(2, "posembed", "clstoken", "rope")


@key("length", of="posembed")
def length(at: Place) -> object:
    return at.shape[-2] + at.whole(0, 3)


@fits("rope")
def is_even(x: Tensor) -> bool:
    return x.shape[-1] % 2 == 0


@key("theta", of="rope")
def theta(at: Place) -> object:
    return at.pick(100, 10000, "500.5")


@key("dim", of="rope", chance=0.2)
def dim(at: Place) -> object:
    return 2
