"""Resizing: each output element, from the elements it lies between."""

from __future__ import annotations

import itertools
import math
from typing import Any

from archcalc.layers.resizing import Upsample
from archcalc.network.graph import Node
from archcalc.worked.convolution import CHANNELS, LENGTH
from archcalc.worked.example import (
    IMAGE,
    Example,
    Grid,
    Place,
    Step,
    factor,
    grid,
    limit,
    nested,
    refuse,
    tiled,
    works,
    written,
)

_ELEMENTS = 72


@works(Upsample)
def upsampling(node: Node) -> Example:
    """A line for each output element; at most two spatial axes."""
    layer: Any = node.layer
    x, y = node.inputs[0], node.exit
    instead = '"upsample 2" --input 1x2' + "x2" * min(x.rank - 2, 1)
    if x.rank == 4 or layer.mode == "bicubic":
        why = "three spatial axes do not fit a page" if x.rank == 4 else "with the 16 neighbours of mode=bicubic"
        raise refuse(node, why, instead)
    limit(
        node,
        (
            ("elements that come out", int(y.elements), _ELEMENTS),
            ("channels", int(x.shape[0]), CHANNELS),
            *(("elements along an axis", int(size), LENGTH) for size in (*x.shape[1:], *y.shape[1:])),
        ),
        instead,
    )
    values = tiled(x.shape, IMAGE[2:] + IMAGE[:2])  # rows with fewer zeros first
    # For each axis and output index: the input elements, and the share of each.
    parts = [_parts(layer, axis, int(x.shape[axis]), int(y.shape[axis]), x) for axis in range(1, x.rank)]
    lines, output = [], []
    for channel, one in enumerate(values):
        found: dict[Place, float] = {}
        for index in itertools.product(*map(range, y.shape[1:])):
            read = list(itertools.product(*(part[at] for part, at in zip(parts, index))))
            shares = [math.prod(share for _, share in each) for each in read]
            numbers = []
            for each in read:
                number = one
                for place, _ in each:
                    number = number[place]
                numbers.append(number)
            found[index] = math.fsum(share * number for share, number in zip(shares, numbers))
            first = f"x[{', '.join(map(str, (channel, *(place for place, _ in read[0]))))}]"
            told = " + ".join(f"{written(share)}·{factor(number)}" for share, number in zip(shares, numbers))
            name = f"y[{', '.join(map(str, (channel, *index)))}]"
            lines.append(f"{name} = {first if len(read) == 1 else told} = {written(found[index])}")
        output.append(nested(found, y.shape[1:]))
    title = "each takes the nearest" if layer.mode.startswith("nearest") else "each from those it lies between"
    steps = [Step(title, lines=lines), Step("output", _channels("y", output, True))]
    return Example(_channels("x", values), steps, values, {}, output)


def _parts(layer: Any, axis: int, before: int, after: int, x: Any) -> list[list[tuple[int, float]]]:
    """For each output index, the elements along the axis it is made of, and the share of each."""
    ratio = before / after
    if layer.scale is not None and not layer.recompute_scale_factor:
        ratio = 1 / layer.per_axis("scale", x.rank - 1, x)[axis - 1]
    if layer.mode.startswith("nearest"):
        shift = 0.5 if layer.mode == "nearest-exact" else 0
        return [[(min(int((index + shift) * ratio), before - 1), 1.0)] for index in range(after)]
    found = []
    for index in range(after):
        place = max(0.0, (index + 0.5) * ratio - 0.5)
        if layer.align_corners:
            place = index * (before - 1) / (after - 1) if after > 1 else 0.0
        below = min(int(place), before - 1)
        share = place - below
        pair = [(below, 1 - share), (min(below + 1, before - 1), share)]
        found.append([one for one in pair if one[1] > 1e-9])
    return found


def _channels(name: str, values: Any, marked: bool = False) -> list[Grid]:
    return [grid(f"{name}[{index}]" if len(values) > 1 else name, one, marked) for index, one in enumerate(values)]
