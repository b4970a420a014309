"""Sums of many elements: overlapping windows, and products given by an equation of axes."""

from __future__ import annotations

import itertools
import math
from typing import Any

from archcalc.layers.einsum import Einsum
from archcalc.layers.windows import Fold
from archcalc.network.graph import Node
from archcalc.worked.copying import unfolded
from archcalc.worked.example import (
    Example,
    Place,
    Step,
    factor,
    filled,
    limit,
    nested,
    numbered,
    operands,
    refuse,
    works,
    written,
)
from archcalc.worked.moving import drawn

_ELEMENTS, _TERMS = 24, 8


@works(Fold)
def overlapping(node: Node) -> Example:
    """Each element of the image as the sum over the columns whose windows cover it."""
    layer: Any = node.layer
    x, y = node.inputs[0], node.exit
    sizes = (("elements", int(x.elements), 2 * _ELEMENTS), ("pixels", int(y.elements), _ELEMENTS))
    limit(node, sizes, '"fold 3 kernel=2" --input 4x4')
    values = filled(x.shape)
    terms: dict[Place, list[float]] = {
        place: [] for place in itertools.product(*(range(int(size)) for size in y.shape))
    }
    for row, column in itertools.product(*(range(int(size)) for size in x.shape)):
        source = unfolded(layer, [row, column], y)
        if None not in source:
            terms[tuple(source)].append(values[row][column])  # type: ignore[arg-type]
    found = {place: math.fsum(numbers) for place, numbers in terms.items()}
    lines = [
        f"y[{_name(place)}] = {_sum(numbers)}{f' = {written(found[place])}' if len(numbers) > 1 else ''}"
        for place, numbers in terms.items()
    ]
    output = nested(found, y.shape)
    windows = "x".join(str(int(size)) for size in layer.windows(y.shape[1:], y))
    first = Step(f"a column for each of the {windows.replace('x', '×')} windows", drawn("x", values))
    steps = [
        first,
        Step("where windows overlap, their elements are added", lines=lines),
        Step("output", drawn("y", output)),
    ]
    return Example([], steps, values, {}, output)


@works(Einsum)
def products(node: Node) -> Example:
    """Each element of the result as a sum of products over the letters missing from it."""
    layer: Any = node.layer
    y = node.exit
    terms, right = layer.terms()
    sizes = {letter: int(size) for term, one in zip(terms, node.inputs) for letter, size in zip(term, one.shape)}
    summed = [letter for letter in sizes if letter not in right]
    instead = "\"einsum: {equation: 'ij,kj->ik', operands: [input, input]}\" --input 2x3"
    if max(one.rank for one in (*node.inputs, y)) > 3:
        raise refuse(node, "more than three axes do not fit a page", instead)
    count = math.prod(sizes[letter] for letter in summed)
    limit(node, (("elements in its result", int(y.elements), _ELEMENTS), ("products in a sum", count, _TERMS)), instead)
    inputs, values = operands(node, node.inputs)
    flat = [dict(numbered(one)) for one in values]
    found: dict[Place, float] = {}
    lines = []
    for place in itertools.product(*(range(sizes[letter]) for letter in right)):
        told: list[str] = []
        numbers: list[float] = []
        for inner in itertools.product(*(range(sizes[letter]) for letter in summed)):
            at = dict(zip((*right, *summed), (*place, *inner)))
            read = [one[_name(tuple(at[letter] for letter in term))] for one, term in zip(flat, terms)]
            told.append("·".join([written(read[0]) if not told else factor(read[0]), *map(factor, read[1:])]))
            numbers.append(math.prod(read))
        found[place] = math.fsum(numbers)
        lines.append(f"y[{_name(place)}] = {' + '.join(told)} = {written(found[place])}")
    letters = "abcdefgh"
    given = [one for name, value in zip(letters, inputs) for one in drawn(name, value)]
    named = [letters[next(i for i, one in enumerate(inputs) if one is value)] for value in values]
    sign = f"Σ over {', '.join(summed)} of " if summed else ""
    reads = " · ".join(f"{name}[{', '.join(term)}]" for name, term in zip(named, terms))
    steps = [
        Step(f"y[{', '.join(right)}] = {sign}{reads}", lines=lines),
        Step("output", drawn("y", nested(found, y.shape))),
    ]
    return Example(given, steps, inputs[0], {}, nested(found, y.shape), inputs=inputs)


def _sum(numbers: list[float]) -> str:
    return " + ".join([written(one) if not index else factor(one) for index, one in enumerate(numbers)]) or "0"


def _name(place: Place) -> str:
    return ", ".join(map(str, place))
