"""A transposed convolution: every input element adds the kernel, times itself, to the output."""

from __future__ import annotations

import itertools
import math
from typing import Any

from archcalc.layers.correlation import one_size, sizes_text
from archcalc.layers.transposed import ConvTranspose
from archcalc.network.graph import Node
from archcalc.worked.convolution import CHANNELS, LENGTH, WINDOWS, at
from archcalc.worked.example import (
    IMAGE,
    Cell,
    Example,
    Grid,
    Place,
    Step,
    filters,
    grid,
    limit,
    nested,
    refuse,
    tiled,
    works,
    written,
)


@works(ConvTranspose)
def transposed_convolution(node: Node) -> Example:
    """Every input element, for every output channel; at most two spatial axes."""
    layer: Any = node.layer
    x, y = node.inputs[0], node.exit
    axes = x.rank - 1
    instead = '"convtranspose 1 kernel=2 stride=2" --input 1x3' + "x3" * min(axes - 1, 1)
    if layer.weight is not None:
        raise refuse(node, "its filters are another layer's", instead)
    if layer.is_altered:
        raise refuse(node, "its weight is computed", instead)
    if axes == 3:
        raise refuse(node, "three spatial axes do not fit a page", instead)
    kernel, stride, padding, dilation, more = (
        layer.per_axis(name, axes, x) for name in ("kernel", "stride", "padding", "dilation", "output_padding")
    )
    sizes = [int(size) for size in x.shape[1:]]
    # Everything the kernels reach, plus `output_padding`; removing the border leaves the output.
    whole = [int(size) + 2 * border for size, border in zip(y.shape[1:], padding)]
    limit(
        node,
        (
            ("steps", math.prod(x.shape) * int(y.shape[0]) // int(layer.groups), WINDOWS),
            ("input channels", int(x.shape[0]), CHANNELS),
            *(("elements along an axis", size, LENGTH) for size in (*sizes, *whole)),
            ("weights in its kernel", math.prod(kernel), WINDOWS),
        ),
        instead,
    )
    values = tiled(x.shape, IMAGE[2:] + IMAGE[:2])  # rows with fewer zeros first
    shapes = layer.params(x)
    weights = {"weight": filters(shapes["weight"])}
    if layer.bias:
        weights["bias"] = list(range(int(y.shape[0])))
    inside = int(x.shape[0]) // int(layer.groups)  # input channels of one group
    own = shapes["weight"][1]  # output channels of one group
    count = math.prod(sizes) * inside * int(y.shape[0])
    steps: list[Step] = []
    output = []
    for channel in range(int(y.shape[0])):
        sums: dict[Place, float] = dict.fromkeys(itertools.product(*map(range, whole)), 0.0)
        name = f"y[{channel}]" if y.shape[0] > 1 else "y"
        for source in range(channel // own * inside, (channel // own + 1) * inside):
            for element in itertools.product(*map(range, sizes)):
                value = at(values[source], element) or 0
                marks = {}
                for tap in itertools.product(*map(range, kernel)):
                    place = tuple(e * s + t * d for e, s, t, d in zip(element, stride, tap, dilation))
                    factor = at(weights["weight"][source][channel % own], tap) or 0
                    before = f"{written(sums[place])} + " if sums[place] else ""
                    marks[place] = f"{before}{written(value)}·{written(factor)}"
                    sums[place] += value * factor
                title = f"element {len(steps) + 1} of {count}: x[{_listed((source, *element))}] = {written(value)}"
                steps.append(Step(title, [Grid(name, _laid(whole, sums, marks))]))
        bias = weights["bias"][channel] if layer.bias else 0
        found = {
            place: sums[tuple(index + border for index, border in zip(place, padding))] + bias
            for place in itertools.product(*map(range, y.shape[1:]))
        }
        output.append(nested(found, y.shape[1:]))
    changes = []
    if any(padding):
        changes.append(f"padding {sizes_text(one_size(padding))}: this many are cut off each side")
    if any(more):
        changes.append(f"output_padding {sizes_text(one_size(more))}: this many more stay at the end")
    if layer.bias:
        changes.append(f"bias b = [{_listed(weights['bias'])}], added to each element of its channel")
    outputs = [grid(f"y[{index}]" if len(output) > 1 else "y", one, True) for index, one in enumerate(output)]
    if changes:
        steps.append(Step("at the end", lines=changes))
    steps.append(Step(f"output {sizes_text(y.shape)}", outputs))
    given = [grid(f"x[{index}]" if x.shape[0] > 1 else "x", one) for index, one in enumerate(values)]
    for source, kernels in enumerate(weights["weight"]):
        for channel, one in enumerate(kernels):
            several = len(weights["weight"]) * len(kernels) > 1
            given.append(grid(f"h[{source}, {channel}]" if several else "kernel h", one))
    return Example(given, steps, values, weights, output)


def _listed(numbers: Any) -> str:
    return ", ".join(map(str, numbers))


def _laid(sizes: list[int], sums: dict[Place, float], marks: dict[Place, str]) -> list[list[Cell]]:
    """The output so far as rows of cells; `marks` are the cells the element adds to."""
    rows = []
    for row in range(sizes[0]) if len(sizes) > 1 else [0]:
        places = [(row, column) if len(sizes) > 1 else (column,) for column in range(sizes[-1])]
        rows.append([Cell(marks[one], True) if one in marks else Cell(written(sums[one])) for one in places])
    return rows
