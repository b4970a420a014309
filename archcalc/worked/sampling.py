"""Images sampled between their elements: at the places of a grid, and by windows whose taps move."""

from __future__ import annotations

import itertools
import math
from typing import Any

from archcalc.layers.sampling import DeformConv, GridSample
from archcalc.network.graph import Node
from archcalc.worked.example import (
    Array,
    Example,
    Grid,
    Place,
    Step,
    factor,
    filters,
    grid,
    limit,
    listed,
    nested,
    operands,
    refuse,
    works,
    written,
)

_PLACES, _CHANNELS, _LENGTH, _TAPS = 16, 2, 6, 9
_COORDINATES = (-1, 0.5, 0, 1, -0.5, 0.25)
_MOVES = (0, 0.5, -0.5, 1, 0, 0.25, -1)
_WEIGHTS = (1, 0.5, 0.25)

# The elements a value is made of, and the share of each; None is an element outside the image.
_Read = list[tuple[tuple[int, int] | None, float]]


@works(GridSample)
def by_grid(node: Node) -> Example:
    """For each place, its row and column, then the elements around it with their shares."""
    layer: Any = node.layer
    x, y = node.inputs[0], node.exit
    instead = "\"[rearrange 'c h w -> h w c' name=g, gridsample from=input grid=g]\" gridsample --input 2x2x2"
    if x.rank == 4 or layer.mode == "bicubic":
        why = "three spatial axes do not fit a page" if x.rank == 4 else "with the 16 neighbours of mode=bicubic"
        raise refuse(node, why, instead)
    places = math.prod(int(size) for size in y.shape[1:])
    lengths = (("elements along an axis", int(size), _LENGTH) for size in x.shape[1:])
    limit(node, (("places", places, _PLACES), ("channels", int(x.shape[0]), _CHANNELS), *lengths), instead)
    inputs, (image, places_read) = operands(node, (x, layer.grid), {id(layer.grid): _COORDINATES})
    height, width = (int(size) for size in x.shape[1:])
    steps: list[Step] = []
    found: dict[Place, float] = {}
    for row, column in itertools.product(*(range(int(size)) for size in y.shape[1:])):
        u, v = places_read[row][column]
        across, down = _source(u, width, layer), _source(v, height, layer)
        lines = [
            f"column {_told(u, width, layer)} = {written(across)}, row {_told(v, height, layer)} = {written(down)}"
        ]
        read = _nearest(down, across) if layer.mode == "nearest" else _between(down, across)
        read = [(one if one and 0 <= one[0] < height and 0 <= one[1] < width else None, share) for one, share in read]
        for channel, values in enumerate(image):
            text, number = _mixed(values, read)
            found[channel, row, column] = number
            lines.append(f"y[{channel}, {row}, {column}] = {text}{written(number)}")
        steps.append(Step(f"grid[{row}, {column}] = {listed([u, v])}   (x, y)", lines=lines))
    output = nested(found, y.shape)
    given = _channels("x", image)
    return Example(given, [*steps, Step("output", _channels("y", output, True))], inputs[0], {}, output, inputs=inputs)


def _source(coordinate: float, size: int, layer: Any) -> float:
    """The position among an axis's elements of a coordinate from −1 to 1."""
    place = (coordinate + 1) / 2 * (size - 1) if layer.align_corners else ((coordinate + 1) * size - 1) / 2
    if layer.padding_mode == "zeros":
        return place
    if layer.padding_mode == "reflection":
        low, high = (0, size - 1) if layer.align_corners else (-0.5, size - 0.5)
        turns, rest = divmod(abs(place - low), high - low) if high > low else (0, 0)
        place = high - rest if turns % 2 else low + rest
    return min(max(place, 0), size - 1)


def _told(coordinate: float, size: int, layer: Any) -> str:
    """How `_source` is computed, in words."""
    inside = f"({written(coordinate)} + 1)"
    text = f"{inside} · {size - 1} / 2" if layer.align_corners else f"({inside} · {size} − 1) / 2"
    if layer.padding_mode == "zeros":
        return text
    return f"{text}, {'mirrored' if layer.padding_mode == 'reflection' else 'cut off'} at the border"


def _nearest(row: float, column: float) -> _Read:
    return [((round(row), round(column)), 1.0)]


def _between(row: float, column: float) -> _Read:
    """The four elements around a place, those without a share left out."""
    found: _Read = []
    for i, j in itertools.product(range(2), range(2)):
        at = math.floor(row) + i, math.floor(column) + j
        share = (1 - abs(row - at[0])) * (1 - abs(column - at[1]))
        if share > 0:
            found.append((at, share))
    return found


def _mixed(values: Array, read: _Read) -> tuple[str, float]:
    """The weighted sum, and the formula to write before its value."""
    numbers = [0 if at is None else values[at[0]][at[1]] for at, _ in read]
    total = math.fsum(share * number for (_, share), number in zip(read, numbers))
    if len(read) == 1 and read[0][1] == 1:
        at = read[0][0]
        return (f"x[{at[0]}, {at[1]}] = " if at is not None else "outside = "), total
    return " + ".join(f"{written(share)}·{factor(one)}" for (_, share), one in zip(read, numbers)) + " = ", total


@works(DeformConv)
def moved_windows(node: Node) -> Example:
    """For each window, where its taps move to and what they read there, then the sum of the products."""
    layer: Any = node.layer
    x, y = node.inputs[0], node.exit
    instead = '"[conv 8 kernel=2 name=o, deformconv 1 kernel=2 from=input offset=o]" deformconv --input 1x3x3'
    kernel, stride, dilation, padding = (
        [int(size) for size in layer.per_axis(name, 2, x)] for name in ("kernel", "stride", "dilation", "padding")
    )
    windows = math.prod(int(size) for size in y.shape[1:])
    sizes = [("windows", windows, _PLACES), ("taps in a window", math.prod(kernel), _TAPS)]
    sizes += [("channels", int(size), _CHANNELS) for size in (x.shape[0], y.shape[0])]
    limit(node, (*sizes, *(("elements along an axis", int(size), _LENGTH) for size in x.shape[1:])), instead)
    tensors = (x, layer.offset) + (() if layer.mask is None else (layer.mask,))
    numbers = {id(layer.offset): _MOVES, **({} if layer.mask is None else {id(layer.mask): _WEIGHTS})}
    inputs, (image, offset, *masks) = operands(node, tensors, {one: of for one, of in numbers.items() if one != id(x)})
    shapes = layer.params(x)
    weights = {"weight": filters(shapes["weight"])}
    if layer.bias:
        weights["bias"] = list(range(int(y.shape[0])))
    taps = list(itertools.product(*map(range, kernel)))
    each = len(image) // (len(offset) // (2 * len(taps)))  # channels that move together
    own, inside = int(y.shape[0]) // int(layer.groups), int(shapes["weight"][1])
    steps: list[Step] = []
    found: dict[Place, float] = {}
    for row, column in itertools.product(*(range(int(size)) for size in y.shape[1:])):
        lines = []
        seen: dict[tuple[int, int], float] = {}
        for (channel, values), (number, tap) in itertools.product(enumerate(image), enumerate(taps)):
            at = channel // each * len(taps) + number
            moves = [offset[2 * at + axis][row][column] for axis in range(2)]
            still = [p * s + t * d - b for p, s, t, d, b in zip((row, column), stride, tap, dilation, padding)]
            places = [one + move for one, move in zip(still, moves)]
            read = [(one if one and _is_in(one, values) else None, share) for one, share in _between(*places)]
            text, value = _mixed(values, read)
            start = ", ".join(f"{written(one)} + {factor(move)}" for one, move in zip(still, moves))
            weight = masks[0][at][row][column] if masks else 1
            if masks:
                text = f"{written(weight)} · ({text.removesuffix(' = ')}) = "
            seen[channel, number] = weight * value
            name = f"channel {channel}, " if len(image) > 1 else ""
            lines.append(
                f"{name}tap {', '.join(map(str, tap))} reads at ({start}): {text}{written(seen[channel, number])}"
            )
        for channel in range(int(y.shape[0])):
            first = channel // own * inside
            pairs = [
                (weights["weight"][channel][source][tap[0]][tap[1]], seen[first + source, number])
                for source, (number, tap) in itertools.product(range(inside), enumerate(taps))
            ]
            bias = weights["bias"][channel] if layer.bias else 0
            found[channel, row, column] = math.fsum(h * value for h, value in pairs) + bias
            told = " + ".join(f"{written(h)}·{factor(value)}" for h, value in pairs)
            more = f" + bias {bias}" if layer.bias else ""
            lines.append(f"y[{channel}, {row}, {column}] = {told}{more} = {written(found[channel, row, column])}")
        steps.append(Step(f"window {len(steps) + 1} of {windows}", lines=lines))
    output = nested(found, y.shape)
    given = _channels("x", image)
    for channel, kernels in enumerate(weights["weight"]):
        several = len(weights["weight"]) * len(kernels) > 1
        given += [grid(f"h[{channel}, {source}]" if several else "kernel h", one) for source, one in enumerate(kernels)]
    last = Step("output", _channels("y", output, True))
    return Example(given, [*steps, last], inputs[0], weights, output, inputs=inputs)


def _is_in(place: tuple[int, int], values: Array) -> bool:
    return 0 <= place[0] < len(values) and 0 <= place[1] < len(values[0])


def _channels(name: str, values: Array, marked: bool = False) -> list[Grid]:
    return [grid(f"{name}[{index}]" if len(values) > 1 else name, one, marked) for index, one in enumerate(values)]
