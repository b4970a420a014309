"""Layers that only move elements: each element is a different number, which shows where it went."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from functools import reduce
from typing import Any

from archcalc.layers.base import Layer
from archcalc.layers.patterns import parsed
from archcalc.layers.rearrange import Rearrange
from archcalc.layers.shape import Flatten, Reshape, Transpose
from archcalc.layers.shuffling import PixelShuffle, PixelUnshuffle
from archcalc.network.graph import Node
from archcalc.worked.example import Array, Example, Grid, Place, Step, grid, limit, nested, refuse, works

_ELEMENTS = 36


def _in_order(layer: Any, place: Place, shape: Place, into: Place) -> Place:
    """The same elements in the same order in other sizes, the last axis fastest."""
    number = 0
    for index, size in zip(place, shape):
        number = number * size + index
    found = []
    for size in reversed(into):
        number, index = divmod(number, size)
        found.append(index)
    return tuple(reversed(found))


def _swapped(layer: Any, place: Place, shape: Place, into: Place) -> Place:
    first, second = (axis % len(shape) for axis in layer.axes)
    swapped = list(place)
    swapped[first], swapped[second] = swapped[second], swapped[first]
    return tuple(swapped)


def _to_space(layer: Any, place: Place, shape: Place, into: Place) -> Place:
    channel, row, column = place
    rest, within = divmod(channel, layer.factor**2)
    down, right = divmod(within, layer.factor)
    return rest, row * layer.factor + down, column * layer.factor + right


def _to_channels(layer: Any, place: Place, shape: Place, into: Place) -> Place:
    channel, row, column = place
    (row, down), (column, right) = divmod(row, layer.factor), divmod(column, layer.factor)
    return (channel * layer.factor + down) * layer.factor + right, row, column


def _by_pattern(layer: Any, place: Place, shape: Place, into: Place) -> Place:
    """Axes are split as the left side of the pattern says, and joined as its right side says."""
    pattern = parsed(layer.pattern)
    given = {name: int(size) for name, size in vars(layer).items() if name != "pattern"}
    sizes, found = {"1": 1, **pattern.sizes(shape, given)}, {"1": 0}
    for group, index in zip(pattern.axes("left", len(shape)), place):
        for name in reversed(group):
            index, found[name] = divmod(index, sizes[name])
    return tuple(
        reduce(lambda number, name: number * sizes[name] + found[name], group, 0)
        for group in pattern.axes("right", len(shape))
    )


_MOVES: dict[type[Layer], tuple[Callable[[Any, Place, Place, Place], Place], str]] = {
    Flatten: (_in_order, '"flatten" --input 2x2x3'),
    Reshape: (_in_order, '"reshape 3x4" --input 2x6'),
    Rearrange: (_by_pattern, "\"rearrange 'h (n d) -> n h d' n=2\" --input 3x4"),
    Transpose: (_swapped, '"transpose" --input 2x3'),
    PixelShuffle: (_to_space, '"pixelshuffle 2" --input 4x2x2'),
    PixelUnshuffle: (_to_channels, '"pixelunshuffle 2" --input 1x4x4'),
}


@works(*_MOVES)
def moving(node: Node) -> Example:
    """The input and the output."""
    x, y = node.inputs[0], node.exit
    layer: Any = node.layer
    move, instead = _MOVES[type(layer)]
    if max(x.rank, y.rank) > 3:
        raise refuse(node, "more than three axes do not fit a page", instead)
    limit(node, (("elements", int(x.elements), _ELEMENTS),), instead)
    shape, into = (tuple(int(size) for size in one.shape) for one in (x, y))
    numbers = dict(zip(itertools.product(*map(range, shape)), range(math.prod(shape))))
    moved = {move(layer, place, shape, into): number for place, number in numbers.items()}
    values, output = nested(numbers, shape), nested(moved, into)
    return Example(drawn("x", values), [Step("the same numbers", drawn("y", output))], values, {}, output)


def drawn(name: str, values: Array) -> list[Grid]:
    """A grid, or with three axes one for each entry of the first."""
    if not isinstance(values[0], list) or not isinstance(values[0][0], list):
        return [grid(name, values)]
    return [grid(f"{name}[{index}]" if len(values) > 1 else name, one) for index, one in enumerate(values)]
