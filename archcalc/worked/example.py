"""What a worked example is: an input, the layer's weights, each step, and the output."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from archcalc.diagnostics import RequestError
from archcalc.layers.base import Layer
from archcalc.layers.tensor import Shape, Tensor
from archcalc.network.graph import Node
from archcalc.records import NamedTuple

# A number, or a list nested as deep as a tensor has axes.
Array = Any
# The place of an element, a number for each axis.
Place = tuple[int, ...]


class Cell(NamedTuple):
    """A number of a grid as printed; one used in the step is `marked`."""

    text: str
    marked: bool = False


class Grid(NamedTuple):
    """Numbers in rows and columns under a title."""

    title: str
    rows: list[list[Cell]]


class Step(NamedTuple):
    """A step: grids side by side, then lines that compute with them."""

    title: str
    grids: Sequence[Grid] = ()
    lines: Sequence[str] = ()


class Example(NamedTuple):
    """A worked example.

    Attributes:
        given: the numbers known before the first step.
        steps: in the order of computing by hand.
        input, output: without the batch; weights, buffers: by their names in PyTorch's state dict.
        inputs: for a layer that reads several tensors, the numbers of each tensor, once.
    """

    given: list[Grid]
    steps: list[Step]
    input: Array
    weights: dict[str, Array]
    output: Array
    buffers: dict[str, Array] = {}
    inputs: Sequence[Array] = ()


Worker = Callable[[Node], Example]
WORKERS: dict[type[Layer], Worker] = {}
_W = TypeVar("_W", bound=Worker)

# The image and kernel of a first lecture on convolutions, tiled over larger ones. Their convolution is
# [[12, 12, 17], [10, 17, 19], [9, 6, 14]].
IMAGE = ((3, 3, 2, 1, 0), (0, 0, 1, 3, 1), (3, 1, 2, 2, 3), (2, 0, 0, 2, 2), (2, 0, 0, 0, 1))
KERNEL = ((0, 1, 2), (2, 2, 0), (0, 1, 2))
_VALUES = (1, -0.5, 0.5, 2, -1, 0.25, 1.5)
_WEIGHTS = (0.5, -0.25, 0.75, 0.25, -0.5, 0, 0.1)
# Marks a space where a line must not break.
NO_BREAK = "\u00a0"
# This many numbers of a vector are read at a glance.
_TOGETHER = 4


def works(*layers: type[Layer]) -> Callable[[_W], _W]:
    """Register a function that works out an example of these layers."""

    def mark(worker: _W) -> _W:
        for layer in layers:
            if layer in WORKERS:
                raise ValueError(f"two worked examples of {layer.op}")
            WORKERS[layer] = worker
        return worker

    return mark


def refuse(node: Node, why: str, instead: str) -> RequestError:
    """The error for a layer without a worked example as written; `instead` is the end of a command that has one."""
    return RequestError(f"no worked example of `{node.label}`: {why}; try `archcalc explain {instead} --steps`")


def limit(node: Node, sizes: Iterable[tuple[str, int, int]], instead: str) -> None:
    """Raises `RequestError` if one of the (what, size, most) does not fit on a page."""
    for what, size, most in sizes:
        if size > most:
            raise refuse(node, f"it has {size:,} {what}, and at most {most} fit on a page", instead)


def filled(shape: Shape, start: int = 0, numbers: Sequence[float] = _VALUES) -> Array:
    """Small numbers in the shape of a tensor that look random but are always the same."""
    if not shape:
        return numbers[start % len(numbers)]
    # Stride through the numbers so that the first few have both signs; a stride of 7 would repeat the first numbers.
    step = {1: 1, 3: 4}.get(len(shape), 1 + 2 * len(shape))
    return [filled(shape[1:], start + index * step, numbers) for index in range(int(shape[0]))]


def learned(shape: Shape, start: int = 0) -> Array:
    """The same with smaller numbers, for weights."""
    return filled(shape, start, _WEIGHTS)


def operands(
    node: Node, tensors: Iterable[Tensor], numbers: Mapping[int, Sequence[float]] | None = None
) -> tuple[list[Array], list[Array]]:
    """Numbers for the tensors a layer reads: once per tensor, and in the order of `tensors`.

    Args:
        numbers: those to fill a tensor with, by its id, if it needs particular ones.
    """
    different = list({id(one): one for one in node.inputs}.values())
    inputs = [filled(one.shape, 2 * at, (numbers or {}).get(id(one), _VALUES)) for at, one in enumerate(different)]
    return inputs, [inputs[next(i for i, one in enumerate(different) if one is tensor)] for tensor in tensors]


def each(function: Callable[[float], float], values: Array) -> Array:
    """Apply a function to every number of an array."""
    return [each(function, one) for one in values] if isinstance(values, list) else function(values)


def placed(function: Callable[[float, str], float], values: Array, place: tuple[int, ...] = ()) -> Array:
    """Apply a function to every number of an array, together with its place, such as `0, 1`."""
    if isinstance(values, list):
        return [placed(function, one, (*place, index)) for index, one in enumerate(values)]
    return function(values, ", ".join(map(str, place)))


def numbered(values: Array, place: tuple[int, ...] = ()) -> Iterator[tuple[str, float]]:
    """The place and the number of every element, in order."""
    if not isinstance(values, list):
        yield ", ".join(map(str, place)), values
        return
    for index, one in enumerate(values):
        yield from numbered(one, (*place, index))


def vectors(values: Array, shape: Shape, axes: Collection[int]) -> Iterator[tuple[str, Place, list[float]]]:
    """The vectors along `axes`, for each place of the other axes: a name such as `x[0, :]`, the place, the numbers."""
    fixed = [[None] if axis in axes else [*range(int(size))] for axis, size in enumerate(shape)]
    for place in itertools.product(*fixed):
        name = ", ".join(":" if index is None else str(index) for index in place)
        numbers = []
        for index in itertools.product(
            *([*range(int(size))] if one is None else [one] for one, size in zip(place, shape))
        ):
            value = values
            for one in index:
                value = value[one]
            numbers.append(value)
        yield f"x[{name}]", tuple(one for one in place if one is not None), numbers


def nested(found: Mapping[Place, float], sizes: Sequence[int], start: Place = ()) -> Array:
    """Numbers by place, as nested lists."""
    if len(start) == len(sizes):
        return found[start]
    return [nested(found, sizes, (*start, index)) for index in range(int(sizes[len(start)]))]


def tiled(shape: Shape, pattern: Sequence[Sequence[float]]) -> Array:
    """`pattern` repeated over the last one or two axes, shifted from one channel to the next."""

    def value(index: tuple[int, ...]) -> float:
        *around, row, column = index if len(index) > 1 else (0, *index)
        shift = sum(around)
        return pattern[(row + shift) % len(pattern)][(column + 2 * shift) % len(pattern[0])]

    def build(index: tuple[int, ...]) -> Array:
        if len(index) == len(shape):
            return value(index)
        return [build((*index, one)) for one in range(int(shape[len(index)]))]

    return build(())


def filters(shape: Shape) -> Array:
    """The kernels [out, in, *taps] of a convolution; a single tap is not the zero that the lecture's begins with."""
    return tiled(shape, KERNEL if math.prod(shape[2:]) > 1 else KERNEL[1:] + KERNEL[:1])


def written(value: float) -> str:
    """A number with at most four decimals and no trailing zeros."""
    if value == int(value) and abs(value) < 1e6:
        return str(int(value)).replace("-", "−")
    text = f"{value:.4g}" if abs(value) >= 1e4 or 0 < abs(value) < 1e-3 else f"{value:.4f}".rstrip("0").rstrip(".")
    return text.replace("-", "−")


def listed(values: Iterable[float]) -> str:
    """`[1, −0.5]`, kept on one line if short."""
    numbers = [*map(written, values)]
    blank = NO_BREAK if len(numbers) <= _TOGETHER else " "
    return f"[{f',{blank}'.join(numbers)}]"


def grid(title: str, values: Array, marked: bool = False) -> Grid:
    """A vector or a matrix of numbers."""
    rows = values if values and isinstance(values[0], list) else [values]
    return Grid(title, [[Cell(written(value), marked) for value in row] for row in rows])


def dot(a: Sequence[float], b: Sequence[float]) -> float:
    """Σ a·b."""
    return math.fsum(x * y for x, y in zip(a, b))


def times_vector(matrix: Array, vector: Sequence[float], bias: Sequence[float] | None = None) -> list[float]:
    """W x + b."""
    return [dot(row, vector) + (bias[index] if bias else 0) for index, row in enumerate(matrix)]


def product_text(a: Sequence[float], b: Sequence[float], bias: float | None = None) -> str:
    """`3·0 + 3·1 + ... + bias 1`."""
    parts = [f"{factor(x) if index else written(x)}·{factor(y)}" for index, (x, y) in enumerate(zip(a, b))]
    return " + ".join(parts) + ("" if bias is None else f" + bias{NO_BREAK}{written(bias)}")


def factor(value: float) -> str:
    """A number as written after an operator: `2`, `(−0.5)`."""
    return f"({written(value)})" if value < 0 else written(value)
