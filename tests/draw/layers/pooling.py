"""Pooling."""

from __future__ import annotations

from tests.draw.layers import key, often
from tests.draw.layers.place import Place

often(3, "maxpool", "avgpool")


@key("kernel", of=("maxpool", "avgpool"))
def kernel(at: Place) -> object:
    return at.size(1, 3)


@key("stride", of=("maxpool", "avgpool"))
def stride(at: Place) -> object:
    return at.size(1, 2)


@key("padding", of="maxpool")
def border(at: Place) -> object:
    return at.size(0, 1) if at["indices"] or at.chance(0.7) else "same_upper"


@key("padding", of="avgpool")
def padding(at: Place) -> object:
    return at.size(0, 1)


@key("dilation", of="maxpool")
def dilation(at: Place) -> object:
    return at.size(1, 2)


@key("divisor_override", of="avgpool", chance=0.2)
def divisor_override(at: Place) -> object:
    return at.whole(1, 5) if at.rank > 2 else None


@key("output", of=("adaptiveavgpool", "adaptivemaxpool"))
def output(at: Place) -> object:
    return "x".join(str(at.pick(-1, 1, 2, 3, 4)) for _ in range(int(at.pick(1, at.rank - 1))))
