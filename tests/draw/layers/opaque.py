"""Parts that are declared."""

from __future__ import annotations

from tests.draw.layers import key, often
from tests.draw.layers.place import Place

often(0.3, "opaque")


@key("what", of="opaque")
def what(at: Place) -> object:
    return at.pick("kernel", "lookup")


@key("output", of="opaque")
def output(at: Place) -> object:
    return at.pick("same", "x".join(map(str, at.shape)), "3x4")


@key("macs", of="opaque")
def macs(at: Place) -> object:
    return at.pick("unknown", 10, 24)


@key("class", of="opaque", chance=0.1)
def cls(at: Place) -> object:
    return "package.module:Name"


@key("params", of="opaque")
def params(at: Place) -> object:
    return at.whole(0, 9)


@key("buffers", of="opaque")
def buffers(at: Place) -> object:
    return at.whole(0, 9)


@key("other", of="opaque")
def other(at: Place) -> object:
    return at.whole(0, 9)


@key("saved", of="opaque")
def saved(at: Place) -> object:
    return at.whole(0, 9)
