"""Normalisations."""

from __future__ import annotations

from tests.draw.layers import key, often
from tests.draw.layers.place import Place

often(4, "batchnorm")
often(2, "groupnorm", "layernorm")


@key("groups", of="groupnorm")
def groups(at: Place) -> object:
    return at.divisor(at.shape[0])


@key("axes", of="layernorm", chance=0.3)
def axes(at: Place) -> object:
    count = at.whole(1, at.rank)
    return "x".join(str(axis) for axis in range(at.rank - count, at.rank))


@key("size", of="localresponsenorm")
def size(at: Place) -> object:
    return at.whole(1, 4)


@key("alpha", of="localresponsenorm")
def alpha(at: Place) -> object:
    return at.pick("0.1", "1e-3")


@key("k", of="localresponsenorm")
def k(at: Place) -> object:
    return at.pick("2", "1.5")
