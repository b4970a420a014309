"""Several tensors combined: element by element, side by side, or as a matrix product."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import reduce
from typing import Any

from archcalc.layers.algebra import MatMul
from archcalc.layers.base import Layer
from archcalc.layers.joining import Concat
from archcalc.layers.merge import Add, Div, Maximum, Minimum, Mul, Sub
from archcalc.network.graph import Node
from archcalc.worked.example import (
    Array,
    Example,
    Place,
    Step,
    dot,
    factor,
    grid,
    limit,
    nested,
    numbered,
    operands,
    product_text,
    refuse,
    works,
    written,
)

_ELEMENTS, _LENGTH = 24, 6
_INSTEAD = '"{op}: [input, input]" --input 2x2'
_LETTERS = "abcdefgh"

_OPERATIONS: dict[type[Layer], tuple[str, Callable[[float, float], float]]] = {
    Add: (" + ", lambda a, b: a + b),
    Sub: (" − ", lambda a, b: a - b),
    Mul: (" · ", lambda a, b: a * b),
    Div: (" / ", lambda a, b: a / b),
    Maximum: (", ", max),
    Minimum: (", ", min),
}


@works(*_OPERATIONS)
def element_by_element(node: Node) -> Example:
    """A line for each element; a smaller tensor is repeated along the axes it lacks."""
    layer: Any = node.layer
    y = node.exit
    inputs, values = _operands(node, (("elements", int(y.elements), _ELEMENTS),))
    sign, operation = _OPERATIONS[type(layer)]
    flat = [dict(numbered(one)) for one in values]
    found: dict[Place, float] = {}
    lines = []
    for index in _places(y.shape):
        read = [numbers[_name(_stretched(index, one))] for numbers, one in zip(flat, map(_sizes, values))]
        found[index] = reduce(operation, read)
        told = sign.join([written(read[0]), *map(factor, read[1:])])
        if sign == ", ":
            told = f"{node.op[:3]}({', '.join(map(written, read))})"
        lines.append(f"y[{_name(index)}] = {told} = {written(found[index])}")
    steps = [Step("element by element", lines=lines), *_backward(node, inputs, values)]
    return Example(_given(inputs), steps, inputs[0], {}, nested(found, y.shape), inputs=inputs)


def gradients(layer: Layer, read: Sequence[float]) -> list[tuple[str, float]]:
    """The gradient of a sum, difference or product with respect to each operand, and how it is computed."""
    if isinstance(layer, Mul):
        others = [[one for at, one in enumerate(read) if at != index] for index in range(len(read))]
        return [(" · ".join(map(factor, one)), math.prod(one)) for one in others]
    signs = [-1.0 if index and isinstance(layer, Sub) else 1.0 for index in range(len(read))]
    return [(factor(one), one) for one in signs]


def _backward(node: Node, inputs: Sequence[Array], values: Sequence[Array]) -> Iterator[Step]:
    """The gradient of one element of the output: those of an operand that stands several times are added."""
    assert node.layer is not None
    if not isinstance(node.layer, (Add, Sub, Mul)) or len({str(_sizes(one)) for one in values}) > 1:
        return
    place = _name((0,) * node.exit.rank)
    each = gradients(node.layer, [dict(numbered(one))[place] for one in values])
    lines = []
    for letter, tensor in zip(_LETTERS, inputs):
        own = [one for one, read in zip(each, values) if read is tensor]
        told = " + ".join(text for text, _ in own)
        total = math.fsum(one for _, one in own)
        result = "" if told == written(total) else f" = {written(total)}"
        lines.append(f"∂y[{place}]/∂{letter}[{place}] = {told}{result}")
    several = len(inputs) < len(values)
    yield Step(
        f"backwards, the gradients{' of an operand that is read again are added' if several else ''}", lines=lines
    )


@works(Concat)
def side_by_side(node: Node) -> Example:
    """The tensors, then the output."""
    layer: Any = node.layer
    y = node.exit
    inputs, values = _operands(node, (("elements", int(y.elements), 2 * _ELEMENTS), ("axes", y.rank, 2)))
    axis = layer.along(y)
    joined = (
        [one for value in values for one in value]
        if axis == 0
        else [[one for row in rows for one in row] for rows in zip(*values)]
    )
    steps = [Step(f"side by side along axis {axis}", [grid("y", joined, True)])]
    return Example(_given(inputs), steps, inputs[0], {}, joined, inputs=inputs)


@works(MatMul)
def matrix_product(node: Node) -> Example:
    """Rows times columns, of two matrices."""
    a, b = node.inputs
    if a.rank != 2 or b.rank != 2:
        raise refuse(node, "only matrices with two axes fit on a page", _INSTEAD.format(op=node.op))
    sizes = (("rows", int(a.shape[0]), _LENGTH), ("columns", int(b.shape[1]), _LENGTH))
    inputs, (left, right) = _operands(node, (*sizes, ("elements in a row", int(a.shape[1]), _LENGTH)))
    steps, output = [], []
    columns = list(zip(*right))
    for index, row in enumerate(left):
        output.append([dot(row, column) for column in columns])
        lines = [
            f"y[{index}, {other}] = {product_text(row, column)} = {written(value)}"
            for other, (column, value) in enumerate(zip(columns, output[-1]))
        ]
        steps.append(Step(f"row {index} of a, times each column of b", lines=lines))
    steps.append(Step("output", [grid("y", output, True)]))
    given = [grid("a", left), grid("b", right)]
    return Example(given, steps, inputs[0], {}, output, inputs=inputs)


def _operands(node: Node, sizes: Sequence[tuple[str, int, int]]) -> tuple[list[Array], list[Array]]:
    """Numbers for its tensors: once per tensor, and for each operand."""
    limit(node, sizes, _INSTEAD.format(op=node.op))
    return operands(node, node.inputs)


def _given(inputs: Sequence[Array]) -> list[Any]:
    return [grid(letter, one) for letter, one in zip(_LETTERS, inputs) if len(_sizes(one)) < 3]


def _sizes(values: Array) -> list[int]:
    return [len(values), *_sizes(values[0])] if isinstance(values, list) else []


def _places(shape: Sequence[int]) -> list[Place]:
    sizes = [int(size) for size in shape]
    strides = [math.prod(sizes[axis + 1 :]) for axis in range(len(sizes))]
    return [tuple(one // step % size for step, size in zip(strides, sizes)) for one in range(math.prod(sizes))]


def _stretched(index: Place, sizes: Sequence[int]) -> Place:
    """The place in a tensor of `sizes` that corresponds to `index` of a larger one."""
    return tuple(0 if size == 1 else one for one, size in zip(index[len(index) - len(sizes) :], sizes))


def _name(index: Place) -> str:
    return ", ".join(map(str, index))
