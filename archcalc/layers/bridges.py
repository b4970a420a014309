"""Layers that make a tensor acceptable to another layer: another layout, another number of axes."""

from __future__ import annotations

from math import isqrt
from typing import ClassVar, Protocol

from archcalc.layers.arguments import Argument
from archcalc.layers.change import Change
from archcalc.layers.layout import CHANNELS_FIRST, FEATURES_LAST
from archcalc.layers.operands import Body, Operands
from archcalc.layers.tensor import Tensor
from archcalc.quantity import plain, product


class Asked(Protocol):
    """The part of a layer that is used here."""

    op: ClassVar[str]
    layout: ClassVar[str]
    first: ClassVar[str | None]
    arguments: ClassVar[dict[str, Argument]]

    def accept(self, x: Tensor) -> None:
        """Whether it takes input `x`."""

    def infer(self, x: Tensor, *others: Tensor) -> Tensor:
        """The output for input `x`."""


def into_layout(x: Tensor, wanted: str) -> list[Change]:
    """Layers that give `x` the wanted layout."""
    if wanted == CHANNELS_FIRST and x.rank == 2:
        positions, features = x.shape
        side = isqrt(plain(positions))
        found = [Change(before="transpose", reads=Tensor((features, positions)))]
        if side > 1 and side * side == positions:
            pattern = f"rearrange '(h w) c -> c h w' h={side}"
            found.append(Change(before=pattern, reads=Tensor((features, side, side))))
        return found
    if wanted == CHANNELS_FIRST:
        letters = "d h w"[-2 * x.rank + 3 :]
        reads = Tensor((x.shape[-1], *x.shape[:-1]))
        return [Change(before=f"rearrange '{letters} c -> c {letters}'", reads=reads)] if x.rank < 5 else []
    if x.rank == 2:
        return [Change(before="transpose", reads=Tensor((x.shape[1], x.shape[0])))]
    letters = "d h w"[-2 * x.rank + 3 :]
    reads = Tensor((product(x.shape[1:]), x.shape[0]))
    one = "to make each pixel a position"
    return [Change(before=f"rearrange 'c {letters} -> ({letters}) c'", reads=reads, gives=one)] if x.rank < 5 else []


def each_vector(x: Tensor, wanted: str) -> list[Change]:
    """Layers that give `x` the wanted layout, for a layer after which an image is to be an image again."""
    if wanted == CHANNELS_FIRST or not 2 < x.rank < 5:
        return into_layout(x, wanted)
    letters = "d h w"[-2 * x.rank + 3 :]
    reads = Tensor((*x.shape[1:], x.shape[0]))
    return [
        Change(before=f"rearrange 'c {letters} -> {letters} c'", reads=reads, gives="for the channels of each pixel")
    ]


def into_rank(layer: Asked, x: Tensor, most: int) -> list[Change]:
    """Layers that give `x` as many axes as a layer takes, at most `most`; or the layer applied to each entry of `x`."""
    size, layout = plain(x.shape[0]), layer.layout
    inner = any(isinstance(argument, (Body, Operands)) for argument in layer.arguments.values())  # more than a line
    if x.rank == most + 1 and layout == FEATURES_LAST == x.layout and not inner:
        return [*each_alone(layer, x), *_into_rank(x, layout, size, most)]
    return _into_rank(x, layout, size, most)


def _into_rank(x: Tensor, layout: str, size: int, most: int) -> list[Change]:
    if x.rank == 1 and layout == CHANNELS_FIRST:
        return [
            Change(before=f"reshape 1x{size}", reads=Tensor((1, size)), gives=f"for {size} positions of one channel"),
            Change(before=f"reshape {size}x1x1", reads=Tensor((size, 1, 1)), gives=f"for one pixel of {size} channels"),
        ]
    if x.rank == 1 and layout == FEATURES_LAST:
        return [
            Change(before=f"reshape 1x{size}", reads=Tensor((1, size)), gives=f"for one step of {size} features"),
            Change(before=f"reshape {size}x1", reads=Tensor((size, 1)), gives=f"for {size} steps of one feature"),
        ]
    if x.rank == 3 and most == 2 and x.layout != FEATURES_LAST:
        channels, height, width = map(plain, x.shape)
        return [
            Change(
                before="rearrange 'c h w -> (h w) c'",
                reads=Tensor((height * width, channels)),
                gives=f"for {height * width} steps, the pixels",
            ),
            Change(
                before="rearrange 'c h w -> w (c h)'",
                reads=Tensor((width, channels * height)),
                gives=f"for {width} steps, the columns",
            ),
        ]
    if x.rank > 2 and most == 2:
        entry = product(x.shape[1:])
        return [Change(before="flatten start=1", reads=Tensor((size, entry)))]
    return []


def each_alone(layer: Asked, x: Tensor) -> list[Change]:
    """A layer with windows over images, applied to each entry of a stack of images [entries, channels, height, width]."""
    entries, *image = x.shape
    words = [layer.op]
    for name, argument in layer.arguments.items():
        value = layer.__dict__.get(name)
        if value is not None and value != argument.default:
            words.append(argument.show(value) if name == layer.first else f"{name}={argument.show(value)}")
    one = Tensor(tuple(image))
    layer.accept(one)  # some layers work out their sizes there
    given = Tensor((entries, *layer.infer(one).shape))
    alone = f"for each of the {plain(entries)} entries alone, giving {given}"
    return [Change(line=f"each: [{' '.join(words)}]", reads=given, gives=alone)]
