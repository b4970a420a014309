"""Pooling: windows laid over each channel, of which the largest element or the mean is taken."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from archcalc.layers.convolution import sizes_text
from archcalc.layers.pooling import AdaptiveAvgPool, AdaptiveMaxPool, AdaptivePooling, AvgPool, MaxPool
from archcalc.network.graph import Node
from archcalc.worked.convolution import CHANNELS, LENGTH, WINDOWS, at, laid, smaller
from archcalc.worked.example import IMAGE, Example, Grid, Step, grid, limit, nested, refuse, tiled, works, written

Window = list[list[int]]  # the places along each axis


@works(MaxPool, AvgPool, AdaptiveMaxPool, AdaptiveAvgPool)
def pooling(node: Node) -> Example:
    """Every window of every channel; at most two spatial axes."""
    layer: Any = node.layer
    x, y = node.inputs[0], node.exit
    if x.rank == 4:
        raise refuse(node, "three spatial axes do not fit a page", f'"{node.op} 2" --input 1x4x4')
    limit(
        node,
        (
            ("windows", math.prod(y.shape), WINDOWS),
            ("channels", int(x.shape[0]), CHANNELS),
            *(("elements along an axis", int(size), LENGTH) for size in x.shape[1:]),
        ),
        smaller(node),
    )
    sizes = [int(size) for size in x.shape[1:]]
    values = tiled(x.shape, IMAGE)
    adaptive = isinstance(layer, AdaptivePooling)
    axes = [(0, 0, 0, 0)] * len(sizes) if adaptive else layer.axes(x)
    borders = [(padding, padding) for _, _, padding, _ in axes]
    steps: list[Step] = []
    output = []
    for channel in range(int(x.shape[0])):
        found: dict[tuple[int, ...], float] = {}
        for window in itertools.product(*map(range, y.shape[1:])):
            places = _places(adaptive, window, axes, sizes, y.shape[1:])
            inside = [index for index in itertools.product(*places) if all(0 <= i < n for i, n in zip(index, sizes))]
            read = [at(values[channel], index) or 0 for index in inside]
            name = f"y[{', '.join(map(str, (channel, *window)))}]"
            if isinstance(layer, (MaxPool, AdaptiveMaxPool)):
                found[window] = max(read)
                line = f"{name} = max({', '.join(map(written, read))}) = {written(found[window])}"
            else:
                count = len(read) if adaptive else _divisor(layer, window, axes, sizes, len(read))
                found[window] = math.fsum(read) / count
                line = f"{name} = ({' + '.join(map(written, read))}) / {count} = {written(found[window])}"
            marks = {index: f"[{written(value)}]" for index, value in zip(inside, read)}
            rows = laid(values[channel], sizes, borders, "zeros", marks)
            title = f"x[{channel}]" if x.shape[0] > 1 else "x"
            steps.append(Step(f"window {len(steps) + 1} of {math.prod(y.shape)}", [Grid(title, rows)], [line]))
        output.append(nested(found, y.shape[1:]))
    steps.append(
        Step(
            f"output {sizes_text(y.shape)}",
            [grid(f"y[{index}]" if len(output) > 1 else "y", one, True) for index, one in enumerate(output)],
        )
    )
    given = [grid(f"x[{index}]" if x.shape[0] > 1 else "x", one) for index, one in enumerate(values)]
    return Example(given, steps, values, {}, output)


def _places(
    adaptive: bool,
    window: Sequence[int],
    axes: Sequence[tuple[int, int, int, int]],
    sizes: Sequence[int],
    outputs: Sequence[int],
) -> Window:
    """Where a window lies along each axis, the border included."""
    if adaptive:
        return [list(range(w * size // out, -(-(w + 1) * size // out))) for w, size, out in zip(window, sizes, outputs)]
    return [[w * s + t * d - p for t in range(k)] for w, (k, s, p, d) in zip(window, axes)]


def _divisor(
    layer: Any, window: Sequence[int], axes: Sequence[tuple[int, int, int, int]], sizes: Sequence[int], inside: int
) -> int:
    """What the sum of a window is divided by: its elements, with those of the border that there is."""
    if layer.divisor_override is not None:
        return int(layer.divisor_override)
    if not layer.count_include_pad:
        return inside
    return math.prod(min(w * s - p + k, size + p) - (w * s - p) for w, (k, s, p, _), size in zip(window, axes, sizes))
