"""Layers that choose: the largest along an axis, positions by their number, the parts of an axis."""

from __future__ import annotations

import itertools
import math
from typing import Any

from archcalc.layers.cutting import Split
from archcalc.layers.selection import Gather, TopK
from archcalc.network.graph import Node
from archcalc.worked.example import (
    Array,
    Example,
    Step,
    filled,
    grid,
    limit,
    listed,
    nested,
    refuse,
    vectors,
    works,
    written,
)
from archcalc.worked.moving import drawn

_ELEMENTS, _VECTOR = 24, 8


@works(TopK)
def largest(node: Node) -> Example:
    """One vector after another, sorted."""
    layer: Any = node.layer
    x, y = node.inputs[0], node.exit
    axis = layer.axis_index("axis", x)
    sizes = (("elements", int(x.elements), _ELEMENTS), ("elements in a vector", int(x.shape[axis]), _VECTOR))
    limit(node, sizes, '"topk 2" --input 4')
    values = _different(x.shape)
    steps, found = [], {}
    for name, place, numbers in vectors(values, x.shape, (axis,)):
        order = sorted(range(len(numbers)), key=numbers.__getitem__, reverse=bool(layer.largest))
        taken = order[: int(layer.k)]
        chosen = [numbers[index] for index in taken]
        found.update({(*place[:axis], at, *place[axis:]): number for at, number in enumerate(chosen)})
        which = ("the largest" if layer.largest else "the smallest") if len(taken) == 1 else "in order"
        lines = [f"{which}: {listed(chosen)}, at {', '.join(map(str, taken))}, which are its `indices`"]
        steps.append(Step(f"{name if x.rank > 1 else 'x'} = {listed(numbers)}", lines=lines))
    return Example([], steps, values, {}, nested(found, y.shape))


def _different(shape: tuple[int, ...]) -> Array:
    """Distinct whole numbers, out of order."""
    sizes = [int(size) for size in shape]
    count = math.prod(sizes)
    step = next(number for number in (5, 7, 11) if math.gcd(number, count) == 1)
    places = itertools.product(*map(range, sizes))
    return nested({place: (step * index + 2) % count + 1 for index, place in enumerate(places)}, sizes)


@works(Gather)
def by_number(node: Node) -> Example:
    """The number of a position, and the values there; with an index for each sample, along the first axis."""
    x, index = node.inputs
    instead = '"gather index=input" --input 4'
    if x.rank > 2 or index.rank > 1 or not index.batched:
        why = (
            "more than two axes, or an index of several, do not fit a page"
            if index.batched
            else "its index is learned or constant"
        )
        raise refuse(node, why, instead)
    sizes = (("elements", int(x.elements), _ELEMENTS), ("positions to take", int(index.shape[0]), _VECTOR))
    limit(node, sizes, instead)
    numbers = [(3 * one + 2) % int(x.shape[0]) for one in range(int(index.shape[0]))]
    values = numbers if x is index else filled(x.shape)
    output = [values[number] for number in numbers]
    lines = [
        f"y[{at}] = x[{number}] = {listed(one) if isinstance(one, list) else written(one)}"
        for at, (number, one) in enumerate(zip(numbers, output))
    ]
    given = [grid("x", values)] + ([] if x is index else [grid("index", numbers)])
    steps = [Step("one position after the other", lines=lines), Step("output", [grid("y", output, True)])]
    return Example(given, steps, values, {}, output, inputs=[values] if x is index else [values, numbers])


@works(Split)
def parts(node: Node) -> Example:
    """The input, and each part."""
    layer: Any = node.layer
    x = node.inputs[0]
    instead = '"split 2 axis=0" --input 4x3'
    if x.rank > 2:
        raise refuse(node, "more than two axes do not fit a page", instead)
    limit(node, (("elements", int(x.elements), _ELEMENTS),), instead)
    axis = layer.along(x)
    places = itertools.product(*(range(int(size)) for size in x.shape))
    values = nested(dict(zip(places, itertools.count(1))), x.shape)
    output, first = [], 0
    for part in (node.exit.outputs or {}).values():
        end = first + int(part.shape[axis])
        output.append([row[first:end] for row in values] if axis else values[first:end])
        first = end
    grids = [one for number, part in enumerate(output) for one in drawn(f"y.{number}", part)]
    return Example(drawn("x", values), [Step(f"cut along axis {axis}", grids)], values, {}, output)
