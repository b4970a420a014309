"""The inverse of max pooling: each element goes to the place where the pooling found it."""

from __future__ import annotations

import itertools
import math
from typing import Any

from archcalc.layers.unpooling import MaxUnpool
from archcalc.network.graph import Node
from archcalc.worked.convolution import CHANNELS, LENGTH, WINDOWS
from archcalc.worked.example import Example, Place, Step, grid, limit, nested, refuse, tiled, works, written

_VALUES = ((5, 7, 6, 8), (9, 4, 3, 2), (1, 6, 5, 7))


@works(MaxUnpool)
def unpooling(node: Node) -> Example:
    """A line for each element; at most two spatial axes."""
    layer: Any = node.layer
    x, y = node.inputs[0], node.exit
    instead = '"[maxpool 2 indices=true name=p, maxunpool 2 indices=p.indices]" maxunpool --input 1' + "x4" * (
        min(x.rank, 3) - 1
    )
    if x.rank == 4:
        raise refuse(node, "three spatial axes do not fit a page", instead)
    lengths = (("elements along an axis", int(size), LENGTH) for size in y.shape[1:])
    sizes = (("elements", math.prod(map(int, x.shape)), WINDOWS), ("channels", int(x.shape[0]), CHANNELS), *lengths)
    limit(node, sizes, instead)
    values = tiled(x.shape, _VALUES)
    whole = [int(size) for size in y.shape[1:]]
    every = itertools.product(range(int(x.shape[0])), *(range(size) for size in whole))
    found: dict[Place, float] = dict.fromkeys(every, 0)
    indices: dict[Place, float] = {}
    lines = []
    for place in itertools.product(*(range(int(size)) for size in x.shape)):
        channel, window = place[0], place[1:]
        spots = [_spot(at, channel, one, size) for at, one, size in zip(window, layer.windows(x), whole)]
        flat = spots[0] if len(whole) == 1 else spots[0] * whole[1] + spots[1]
        value = values
        for at in place:
            value = value[at]
        indices[place] = flat
        target = (channel, *spots)
        found[target] = value
        name, to = ", ".join(map(str, place)), ", ".join(map(str, target))
        how = f" = {spots[0]}·{whole[1]} + {spots[1]}" if len(whole) > 1 else ""
        lines.append(f"x[{name}] = {written(value)} has index {flat}{how}: y[{to}] = {written(value)}")
    output = nested(found, y.shape)
    places = nested(indices, x.shape)
    given = []
    for title, of in (("x", values), ("indices", places)):
        given += [grid(f"{title}[{at}]" if len(of) > 1 else title, one) for at, one in enumerate(of)]
    drawn = [grid(f"y[{at}]" if len(output) > 1 else "y", one, True) for at, one in enumerate(output)]
    steps = [
        Step("each to the place that its index counts, row by row", lines=lines),
        Step("output, 0 elsewhere", drawn),
    ]
    return Example(given, steps, values, {}, output, inputs=[values, places])


def _spot(at: int, channel: int, window: tuple[int, int, int], size: int) -> int:
    """An element of a window that is inside and in no other window; different ones where windows do not overlap."""
    kernel, stride, padding = map(int, window)
    first = at * stride
    return first if stride < kernel or padding else min(first + (at + channel) % kernel, size - 1)
