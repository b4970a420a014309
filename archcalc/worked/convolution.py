"""A convolution: its kernel laid over the input, window by window."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from archcalc.layers.convolution import Conv
from archcalc.layers.correlation import sizes_text
from archcalc.network.graph import Node
from archcalc.worked.example import (
    IMAGE,
    Array,
    Cell,
    Example,
    Grid,
    Step,
    filters,
    grid,
    limit,
    nested,
    product_text,
    refuse,
    tiled,
    works,
    written,
)

# What fits on a page: windows, input channels, elements along an axis.
WINDOWS, CHANNELS, LENGTH = 36, 3, 9


def smaller(node: Node) -> str:
    """A command with the same windows on a small input."""
    x, layer = node.inputs[0], node.layer
    assert layer is not None
    if x.rank == 4:
        return '"conv 1 kernel=3" --input 1x5x5'
    keys = "" if isinstance(node.layer, Conv) else node.op
    if keys:
        return f'"{node.op} 2" --input 1{"x4" * (x.rank - 1)}'
    return f'"conv 1 kernel=3" --input 1{"x5" * (x.rank - 1)}'


def place(index: int, size: int, mode: str) -> int | None:
    """The element at `index` of a padded axis, counted from the axis's first element; None for a zero."""
    if 0 <= index < size:
        return index
    if mode == "reflect":
        return -index if index < 0 else 2 * (size - 1) - index
    if mode == "replicate":
        return min(max(index, 0), size - 1)
    return index % size if mode == "circular" else None


def at(values: Array, places: Sequence[int | None]) -> float | None:
    """The element at `places` of a channel; None outside it."""
    for one in places:
        if one is None:
            return None
        values = values[one]
    found: float = values
    return found


def laid(
    x: Array,
    sizes: Sequence[int],
    borders: Sequence[tuple[int, int]],
    mode: str,
    marks: dict[tuple[int, ...], str],
    outside: str = "0",
) -> list[list[Cell]]:
    """A channel with its border as rows of cells; `marks` holds the elements of a window.

    `outside` is the value of a border that does not copy elements.
    """
    rows = []
    spans = [range(-before, size + after) for size, (before, after) in zip(sizes, borders)]
    for row in spans[0] if len(spans) > 1 else [0]:
        cells = []
        for column in spans[-1]:
            index = (row, column) if len(spans) > 1 else (column,)
            value = at(x, [place(one, size, mode) for one, size in zip(index, sizes)])
            text = outside if value is None else written(value)
            cells.append(Cell(marks[index], True) if index in marks else Cell(text))
        rows.append(cells)
    return rows


@works(Conv)
def convolution(node: Node) -> Example:
    """Every window of every output channel; at most two spatial axes."""
    layer: Any = node.layer
    x, y = node.inputs[0], node.exit
    if layer.weight is not None:
        raise refuse(node, "its filters are another layer's", smaller(node))
    if layer.is_altered:
        raise refuse(node, "its weight is computed", smaller(node))
    if x.rank == 4:
        raise refuse(node, "three spatial axes do not fit a page", smaller(node))
    limit(
        node,
        (
            ("windows", math.prod(y.shape), WINDOWS),
            ("input channels", int(x.shape[0]), CHANNELS),
            *(("elements along an axis", int(size), LENGTH) for size in x.shape[1:]),
            ("taps in a window", math.prod(layer.per_axis("kernel", x.rank - 1, x)), WINDOWS),
        ),
        smaller(node),
    )
    sizes, borders, mode = [int(size) for size in x.shape[1:]], layer.borders(x), layer.padding_mode
    kernel, stride, dilation = (layer.per_axis(name, len(sizes), x) for name in ("kernel", "stride", "dilation"))
    values = tiled(x.shape, IMAGE)
    shapes = layer.params(x)
    weights = {"weight": filters(shapes["weight"])}
    if layer.bias:
        weights["bias"] = list(range(int(y.shape[0])))
    inside = shapes["weight"][1]  # channels of one group
    steps: list[Step] = []
    output = []
    for channel in range(int(y.shape[0])):
        first = channel // (int(y.shape[0]) // layer.groups) * inside
        bias = weights["bias"][channel] if layer.bias else None
        found: dict[tuple[int, ...], float] = {}
        for window in itertools.product(*map(range, y.shape[1:])):
            taps = list(itertools.product(*map(range, kernel)))
            places = {
                tap: tuple(
                    w * s + t * d - before for w, s, t, d, (before, _) in zip(window, stride, tap, dilation, borders)
                )
                for tap in taps
            }
            grids, read, factors = [], [], []
            for index in range(inside):
                marks = {}
                for tap in taps:
                    factor = at(weights["weight"][channel][index], tap)
                    there = [place(one, size, mode) for one, size in zip(places[tap], sizes)]
                    value = at(values[first + index], there) or 0
                    read.append(value)
                    factors.append(factor or 0)
                    marks[places[tap]] = f"{written(value)}·{written(factor or 0)}"
                title = f"x[{first + index}]" if x.shape[0] > 1 else "x"
                grids.append(Grid(title, laid(values[first + index], sizes, borders, mode, marks)))
            found[window] = math.fsum(a * b for a, b in zip(read, factors)) + (bias or 0)
            name = f"y[{', '.join(map(str, (channel, *window)))}]"
            line = f"{name} = {product_text(read, factors, bias)} = {written(found[window])}"
            steps.append(Step(f"window {len(steps) + 1} of {math.prod(y.shape)}", grids, [line]))
        output.append(nested(found, y.shape[1:]))
    given = [grid(f"x[{index}]" if x.shape[0] > 1 else "x", one) for index, one in enumerate(values)]
    for channel, one in enumerate(weights["weight"]):
        given += [
            grid(_kernel_name(channel, index, len(weights["weight"]), inside), kernel_of)
            for index, kernel_of in enumerate(one)
        ]
    if layer.bias:
        given.append(grid("bias b", weights["bias"]))
    steps.append(
        Step(
            f"output {sizes_text(y.shape)}",
            [grid(f"y[{index}]" if len(output) > 1 else "y", one, True) for index, one in enumerate(output)],
        )
    )
    return Example(given, steps, values, weights, output)


def _kernel_name(channel: int, index: int, channels: int, inside: int) -> str:
    if channels * inside == 1:
        return "kernel h"
    return f"h[{channel}]" if inside == 1 else f"h[{channel}, {index}]"
