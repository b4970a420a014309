"""Constant folding: sizes, axes, indices, scalars. Only small arrays, element by element."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from math import prod
from typing import Any

from archcalc.onnx.model import MOST_KNOWN

# Integers have 64 bits.
LARGEST = 2**63


class MisfitError(ValueError):
    """Sizes and settings of a node that do not fit together; the message says which."""


class Array:
    """Elements in row-major order, and their shape."""

    __slots__ = ("numbers", "shape")

    def __init__(self, shape: Sequence[int], numbers: list[Any]) -> None:
        self.shape = tuple(shape)
        self.numbers = numbers

    def only(self) -> Any:
        """The value of all elements; None if they differ."""
        first = self.numbers[0] if self.numbers else None
        return first if all(one == first for one in self.numbers) else None


def strides_of(shape: Sequence[int]) -> list[int]:
    """The stride of each axis."""
    return [prod(shape[axis + 1 :]) for axis in range(len(shape))]


def broadcast(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The broadcast shape. Raises `MisfitError`."""
    rank = max(map(len, shapes), default=0)
    found = []
    for axis in range(-rank, 0):
        sizes = {shape[axis] for shape in shapes if len(shape) >= -axis} - {1}
        if len(sizes) > 1:
            raise MisfitError(f"sizes {' and '.join(str(list(shape)) for shape in shapes)} cannot be broadcast")
        found.append(sizes.pop() if sizes else 1)
    return tuple(found)


def places(shape: Sequence[int], own: Sequence[int]) -> Iterator[int]:
    """For each element of `shape`, the index of the element of `own` that is broadcast to it."""
    lead = len(shape) - len(own)
    steps = [0] * lead + [0 if size == 1 else step for size, step in zip(own, strides_of(own))]
    index = [0] * len(shape)
    for _ in range(prod(shape)):
        yield sum(at * step for at, step in zip(index, steps))
        for axis in reversed(range(len(shape))):
            index[axis] += 1
            if index[axis] < shape[axis]:
                break
            index[axis] = 0


def combined(function: Callable[..., Any], *arrays: Array) -> Array | None:
    """A function applied element-wise; None if there are too many elements or it fails."""
    shape = broadcast(*(one.shape for one in arrays))
    if prod(shape) > MOST_KNOWN:
        return None
    columns = [[one.numbers[place] for place in places(shape, one.shape)] for one in arrays]
    try:
        numbers = [function(*row) for row in zip(*columns)]
    except (ArithmeticError, ValueError, TypeError):
        return None
    return None if any(isinstance(one, int) and abs(one) > LARGEST for one in numbers) else Array(shape, numbers)


def divided(x: Any, y: Any) -> Any:
    """x / y as in ONNX: integers round towards zero."""
    if isinstance(x, int) and isinstance(y, int):
        return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
    return x / y


def power(x: Any, y: Any) -> Any:
    """x to the power of y. Raises `OverflowError` if the result does not fit in 64 bits."""
    found = math.pow(x, y)
    return int(found) if isinstance(x, int) and isinstance(y, int) and y >= 0 and abs(found) < 2**53 else found


# Operators that constants are folded with.
EACH: dict[str, Callable[..., Any]] = {
    "Add": lambda x, y: x + y, "Sub": lambda x, y: x - y, "Mul": lambda x, y: x * y, "Div": divided, "Pow": power, "Mod": lambda x, y: x % y,
    "Min": min, "Max": max, "Equal": lambda x, y: x == y, "Greater": lambda x, y: x > y, "Less": lambda x, y: x < y,
    "GreaterOrEqual": lambda x, y: x >= y, "LessOrEqual": lambda x, y: x <= y, "And": lambda x, y: bool(x and y),
    "Or": lambda x, y: bool(x or y), "Not": lambda x: not x, "Neg": lambda x: -x, "Abs": abs, "Floor": math.floor,
    "Ceil": math.ceil, "Round": round, "Sqrt": math.sqrt, "Where": lambda c, x, y: x if c else y,
    "Exp": math.exp, "Log": math.log, "Reciprocal": lambda x: 1 / x, "Erf": math.erf, "Identity": lambda x: x,
}  # fmt: skip


def taken(array: Array, axis: int, indices: Sequence[int], shape: Sequence[int]) -> Array:
    """Gathers positions of an axis; `shape` replaces the axis."""
    size = array.shape[axis]
    inner, outer = prod(array.shape[axis + 1 :]), prod(array.shape[:axis])
    numbers: list[Any] = []
    for row in range(outer):
        for index in indices:
            start = (row * size + index % size) * inner
            numbers += array.numbers[start : start + inner]
    return Array((*array.shape[:axis], *shape, *array.shape[axis + 1 :]), numbers)


def ordered(array: Array, order: Sequence[int]) -> Array:
    """Permutes the axes."""
    shape = [array.shape[axis] for axis in order]
    steps = [strides_of(array.shape)[axis] for axis in order]
    index = [0] * len(shape)
    numbers = []
    for _ in range(prod(shape)):
        numbers.append(array.numbers[sum(at * step for at, step in zip(index, steps))])
        for axis in reversed(range(len(shape))):
            index[axis] += 1
            if index[axis] < shape[axis]:
                break
            index[axis] = 0
    return Array(shape, numbers)


def joined(arrays: Sequence[Array], axis: int) -> Array:
    """Concatenates along an axis."""
    first = arrays[0]
    outer = prod(first.shape[:axis])
    numbers: list[Any] = []
    for row in range(outer):
        for one in arrays:
            width = prod(one.shape[axis:])
            numbers += one.numbers[row * width : (row + 1) * width]
    shape = (*first.shape[:axis], sum(one.shape[axis] for one in arrays), *first.shape[axis + 1 :])
    return Array(shape, numbers)
