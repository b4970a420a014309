"""Pooling: the largest element or the mean of each window of each channel."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from archcalc.layers.adaptive_pooling import AdaptiveAvgPool, AdaptiveMaxPool, AdaptivePooling
from archcalc.layers.correlation import sizes_text
from archcalc.layers.pooling import AvgPool, MaxPool
from archcalc.network.graph import Node
from archcalc.worked.convolution import CHANNELS, LENGTH, WINDOWS, at, laid, place, smaller
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
    # The value of a border; one that does not count is not drawn.
    outside = "−∞" if isinstance(layer, MaxPool) else "0"
    counts = getattr(layer, "count_include_pad", True)
    borders = [(0, 0)] * len(sizes) if adaptive or not counts else layer.borders(x)
    steps: list[Step] = []
    output = []
    for channel in range(int(x.shape[0])):
        found: dict[tuple[int, ...], float] = {}
        for window in itertools.product(*map(range, y.shape[1:])):
            places = [*itertools.product(*_places(adaptive, window, axes, sizes, y.shape[1:]))]
            inside = [index for index in places if all(0 <= i < n for i, n in zip(index, sizes))]
            # Windows may reach past the border if sizes are rounded up.
            shown = [one for one in places if all(-p <= i < n + q for i, n, (p, q) in zip(one, sizes, borders))]
            name = f"y[{', '.join(map(str, (channel, *window)))}]"
            read = [at(values[channel], [place(i, n, "zeros") for i, n in zip(one, sizes)]) for one in shown]
            told = [outside if one is None else written(one) for one in read]
            if isinstance(layer, (MaxPool, AdaptiveMaxPool)):
                found[window] = max(one for one in read if one is not None)
                line = f"{name} = max({', '.join(told)}) = {written(found[window])}"
            else:
                count = len(inside) if adaptive else _divisor(layer, window, axes, sizes, len(inside))
                found[window] = math.fsum(one or 0 for one in read) / count
                line = f"{name} = ({' + '.join(told)}) / {count} = {written(found[window])}"
            marks = {index: f"[{text}]" for index, text in zip(shown, told)}
            rows = laid(values[channel], sizes, borders, "zeros", marks, outside)
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
    """What a window's sum is divided by: the number of its elements, those of an existing border included."""
    if layer.divisor_override is not None:
        return int(layer.divisor_override)
    if not layer.count_include_pad:
        return inside
    return math.prod(min(w * s - p + k, size + p) - (w * s - p) for w, (k, s, p, _), size in zip(window, axes, sizes))
