"""Convolutions."""

from __future__ import annotations

from tests.draw.layers import key, often
from tests.draw.layers.place import Place

often(4, "conv")
often(2, "convtranspose")


@key("channels", of=("conv", "convtranspose"))
def channels(at: Place) -> object:
    return (at["groups"] or 1) * at.whole(1, 4)


@key("groups", of=("conv", "convtranspose"), chance=0.3)
def groups(at: Place) -> object:
    return at.divisor(at.shape[0])


@key("kernel", of=("conv", "convtranspose"))
def kernel(at: Place) -> object:
    return at.size(1, 3)


@key("stride", of=("conv", "convtranspose"))
def stride(at: Place) -> object:
    return at.size(1, 2)


@key("dilation", of=("conv", "convtranspose"))
def dilation(at: Place) -> object:
    return at.size(1, 2)


@key("padding", of="conv", chance=0.5)
def padding(at: Place) -> object:
    if at.chance(0.4):
        return "same" if at["stride"] is None and at.chance() else "same_upper"
    return at.size(0, 2)


@key("output_padding", of="convtranspose")
def output_padding(at: Place) -> object:
    return at.size(0, 1)


@key("reparam", of=("conv", "convtranspose", "linear"), chance=0.25)
def reparam(at: Place) -> object:
    return at.pick("weightnorm", "spectralnorm", "standardized")


@key("reparam_axis", of=("conv", "convtranspose", "linear"), chance=0.8)
def reparam_axis(at: Place) -> object:
    return 0 if at["reparam"] == "weightnorm" else None


@key("reparam_eps", of=("conv", "convtranspose", "linear"), chance=0.8)
def reparam_eps(at: Place) -> object:
    return 1e-4 if at["reparam"] == "standardized" else None
