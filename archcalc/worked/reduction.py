"""Reductions and other functions along an axis: sums, running sums, lengths, the largest."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

from archcalc.layers.base import Layer
from archcalc.layers.reduction import ArgMax, ArgMin, CumSum, LogSumExp, Max, Mean, Min, Norm, Normalize, Std, Sum, Var
from archcalc.network.graph import Node
from archcalc.worked.example import Example, Place, Step, factor, filled, limit, listed, nested, vectors, works, written

_ELEMENTS = 24
# The text and the number, from the vector and the layer's arguments.
Told = tuple[str, float]


def _sum(values: list[float], layer: Any) -> Told:
    return _added(values), math.fsum(values)


def _mean(values: list[float], layer: Any) -> Told:
    return f"({_added(values)}) / {len(values)}", math.fsum(values) / len(values)


def _largest(values: list[float], layer: Any) -> Told:
    return f"max({', '.join(map(written, values))})", max(values)


def _smallest(values: list[float], layer: Any) -> Told:
    return f"min({', '.join(map(written, values))})", min(values)


def _variance(values: list[float], layer: Any) -> Told:
    mean = math.fsum(values) / len(values)
    squares = " + ".join(f"({written(one)} − {factor(mean)})²" for one in values)
    below = len(values) - int(layer.correction)
    return f"({squares}) / {below}", math.fsum((one - mean) ** 2 for one in values) / below


def _deviation(values: list[float], layer: Any) -> Told:
    told, variance = _variance(values, layer)
    return f"√({told})", math.sqrt(variance)


def _log_sum(values: list[float], layer: Any) -> Told:
    return f"ln({' + '.join(f'e^{factor(one)}' for one in values)})", math.log(math.fsum(map(math.exp, values)))


def _length(values: list[float], layer: Any) -> Told:
    power = written(layer.p)
    powers = " + ".join(f"|{written(one)}|^{power}" for one in values)
    if layer.p == 2:
        return f"√({' + '.join(f'{factor(one)}²' for one in values)})", math.sqrt(
            math.fsum(one * one for one in values)
        )
    return f"({powers})^(1/{power})", math.fsum(abs(one) ** layer.p for one in values) ** (1 / layer.p)


def _added(values: list[float]) -> str:
    return " + ".join([written(values[0]), *map(factor, values[1:])])


_REDUCTIONS: dict[type[Layer], Callable[[list[float], Any], Told]] = {
    Sum: _sum, Mean: _mean, Max: _largest, Min: _smallest, Var: _variance, Std: _deviation,
    LogSumExp: _log_sum, Norm: _length,
}  # fmt: skip


@works(*_REDUCTIONS)
def reduction(node: Node) -> Example:
    """A line for each output number."""
    layer: Any = node.layer
    x = node.inputs[0]
    limit(node, (("elements", int(x.elements), _ELEMENTS),), f'"{node.op} 1" --input 2x3')
    axes = layer.axis_indices("axis", x)
    values, found, lines = filled(x.shape), {}, []
    for name, place, numbers in vectors(values, x.shape, axes):
        if layer.keepdim:
            place = _kept(place, axes)
        told, found[place] = _REDUCTIONS[type(layer)](numbers, layer)
        if isinstance(layer, (Var, Std)):
            lines.append(f"mean of {name} = {written(math.fsum(numbers) / len(numbers))}")
        lines.append(f"y[{', '.join(map(str, place))}] = {told} = {written(found[place])}")
    title = "for each place of the other axes" if len(found) > 1 else "of all elements"
    return Example([], [Step(title, lines=lines)], values, {}, nested(found, node.exit.shape))


@works(ArgMax, ArgMin)
def extreme_place(node: Node) -> Example:
    """A line for each vector: the place of its largest or smallest number."""
    layer: Any = node.layer
    x = node.inputs[0]
    limit(node, (("elements", int(x.elements), _ELEMENTS),), f'"{node.op} 1" --input 2x3')
    axis = layer.axis_index("axis", x)
    extreme, word = (max, "largest") if isinstance(layer, ArgMax) else (min, "smallest")
    values, found, lines = filled(x.shape), {}, []
    for name, place, numbers in vectors(values, x.shape, (axis,)):
        if layer.keepdim:
            place = _kept(place, (axis,))
        found[place] = numbers.index(extreme(numbers))
        lines.append(
            f"y[{', '.join(map(str, place))}] = {found[place]}   the {word} of {name} = {listed(numbers)} is its number {found[place]}, counted from 0"
        )
    return Example([], [Step("where it stands", lines=lines)], values, {}, nested(found, node.exit.shape))


def _running(numbers: list[float], layer: Any) -> tuple[list[str], list[float]]:
    sums = [math.fsum(numbers[: index + 1]) for index in range(len(numbers))]
    pairs = zip([0.0, *sums], numbers, sums)
    return [f"{written(before)} + {factor(one)} = {written(after)}" for before, one, after in pairs], sums


def _unit(numbers: list[float], layer: Any) -> tuple[list[str], list[float]]:
    told, length = _length(numbers, layer)
    result = [one / max(length, layer.eps) for one in numbers]
    return [f"‖x‖ = {told} = {written(length)}", f"x / ‖x‖ = {listed(result)}"], result


@works(CumSum, Normalize)
def along_axis(node: Node) -> Example:
    """One vector after another; each becomes one of the same length."""
    layer: Any = node.layer
    x = node.inputs[0]
    limit(node, (("elements", int(x.elements), _ELEMENTS),), f'"{node.op} axis=0" --input 4')
    axis = layer.axis_index("axis", x) if isinstance(layer, CumSum) else layer.along(x)
    values = filled(x.shape)
    found: dict[Place, float] = {}
    steps = []
    for name, place, numbers in vectors(values, x.shape, (axis,)):
        lines, result = (_running if isinstance(layer, CumSum) else _unit)(numbers, layer)
        steps.append(Step(f"{name} = {listed(numbers)}", lines=lines))
        found.update({(*place[:axis], index, *place[axis:]): value for index, value in enumerate(result)})
    return Example([], steps, values, {}, nested(found, x.shape))


def _kept(place: Place, axes: Collection[int]) -> Place:
    """A place, given the axes that were kept with size 1."""
    rest = iter(place)
    return tuple(0 if axis in axes else next(rest) for axis in range(len(place) + len(axes)))
