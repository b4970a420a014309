"""Layers that make images larger or smaller."""

from __future__ import annotations

from tests.draw.layers import key, often
from tests.draw.layers.place import Place

often(2, "upsample", "pad", "pixelunshuffle")


@key("scale", of="upsample", chance=0.7)
def scale(at: Place) -> object:
    return at.pick("2", "1", "1.5", "x".join(str(at.pick(1, 2, 1.5)) for _ in range(at.rank - 1)))


@key("size", of="upsample", chance=1)
def size(at: Place) -> object:
    return at.size(1, 8) if at["scale"] is None else None


@key("mode", of="upsample")
def mode(at: Place) -> object:
    return at.pick("nearest", "nearest-exact", *{2: ["linear"], 3: ["bilinear", "bicubic"], 4: ["trilinear"]}[at.rank])


@key("align_corners", of="upsample")
def align_corners(at: Place) -> object:
    return at.chance() if at["mode"] and "nearest" not in at["mode"] else None


@key("recompute_scale_factor", of="upsample", chance=0.2)
def recompute_scale_factor(at: Place) -> object:
    return at.chance() if at["scale"] else None


@key("axis", of="pad", chance=0.2)
def padded_axes(at: Place) -> object:
    if at["mode"] not in (None, "zeros"):
        return None
    return "x".join(map(str, at.rng.sample(range(at.rank), at.whole(1, min(2, at.rank)))))


@key("size", of="crop", chance=1)
def cropped(at: Place) -> object:
    return at.size(1, min(at.shape[1:]))


@key("factor", of="pixelshuffle")
def factor(at: Place) -> object:
    return 2 if at.shape[0] % 4 == 0 else 1


@key("factor", of="pixelunshuffle")
def unshuffled(at: Place) -> object:
    return 2 if at.shape[1] % 2 == at.shape[2] % 2 == 0 else 1


@key("groups", of="channelshuffle")
def groups(at: Place) -> object:
    return at.divisor(at.shape[0])


@key("size", of="pad")
def added(at: Place) -> object:
    return at.size(0, 2)


@key("before", of="pad")
def before(at: Place) -> object:
    return at.size(-1 if at["mode"] in (None, "zeros") else 0, 2)


@key("after", of="pad")
def after(at: Place) -> object:
    return at.size(-1 if at["mode"] in (None, "zeros") else 0, 2)


@key("kernel", of=("unfold", "fold"))
def window(at: Place) -> object:
    return 1 if at.rank == 2 else at.size(1, 3, 2)


@key("output", of="fold", chance=1)
def image(at: Place) -> object:
    height = at.divisor(at.shape[1])
    return f"{height}x{at.shape[1] // height}"


@key("stride", of=("unfold", "fold"), chance=0.3)
def step(at: Place) -> object:
    return 1 if at.rank == 2 else at.size(1, 2, 2)


@key("padding", of=("unfold", "fold"), chance=0.3)
def border(at: Place) -> object:
    return 0 if at.rank == 2 else at.size(0, 1, 2)


@key("dilation", of=("unfold", "fold"), chance=0.3)
def dilation(at: Place) -> object:
    return at.size(1, 2, 2)
