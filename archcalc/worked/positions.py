"""Position encodings: vectors added to each position, pairs of features that rotate."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

from archcalc.layers.position import ClsToken, PosEmbed, RelPosBias, Rope
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node
from archcalc.worked.example import (
    Array,
    Example,
    Step,
    factor,
    filled,
    grid,
    learned,
    limit,
    listed,
    refuse,
    works,
    written,
)

_POSITIONS, _WIDTH, _HEADS = 5, 8, 3


def _sequence(node: Node) -> Array:
    """A sequence that fits on a page."""
    x, instead = node.inputs[0], f'"{node.op}" --input 3x4'
    if x.rank != 2:
        raise refuse(node, "only positions with features, and no further axes, fit on a page", instead)
    sizes = (("positions", int(x.shape[0]), _POSITIONS), ("features", int(x.shape[1]), _WIDTH))
    limit(node, sizes, instead)
    return filled(x.shape)


@works(PosEmbed)
def positional_embedding(node: Node) -> Example:
    """The vector of each position, and the sum."""
    layer: Any = node.layer
    values = _sequence(node)
    weights = {name: learned(shape) for name, shape in layer.params(node.inputs[0]).items()}
    given, steps, output = [grid("x", values)], [], []
    if weights:
        given.append(grid("p", weights["weight"]))
    for position, vector in enumerate(values):
        lines = []
        if weights:
            added = weights["weight"][position]
        else:
            waves = [_wave(position, index, len(vector)) for index in range(len(vector))]
            lines = [f"p[{position}, {index}] = {told} = {written(value)}" for index, (told, value) in enumerate(waves)]
            added = [value for _, value in waves]
        output.append([one + other for one, other in zip(vector, added)])
        lines.append(f"y[{position}] = {listed(vector)} + {listed(added)} = {listed(output[-1])}")
        steps.append(Step(f"position {position}", lines=lines))
    return Example(given, steps, values, weights, output)


def _wave(position: int, index: int, features: int) -> tuple[str, float]:
    """The sine or cosine of a position: one frequency for each pair of features."""
    pair = index // 2 * 2
    name, function = ("cos", math.cos) if index % 2 else ("sin", math.sin)
    return f"{name}({position} / 10000^({pair}/{features}))", function(position / 10000 ** (pair / features))


@works(Rope)
def rotation(node: Node) -> Example:
    """The angle of each pair of features at each position, and the pair rotated by it."""
    layer: Any = node.layer
    values = _sequence(node)
    size = int(node.inputs[0].shape[1] if layer.dim is None else layer.dim)
    half = size // 2
    steps, output = [], []
    for position, vector in enumerate(values):
        turned, lines = turn(vector, position, layer.theta, size), []
        for index in range(half):
            angle = position * layer.theta ** (-2 * index / size)
            a, b = vector[index], vector[index + half]
            cos, sin = factor(math.cos(angle)), factor(math.sin(angle))
            lines += [
                f"angle of {turning(index, half, str(position), layer.theta, size)} = {written(angle)}",
                f"y[{position}, {index}] = {written(a)} · {cos} − {factor(b)} · {sin} = {written(turned[index])}",
                f"y[{position}, {index + half}] = {written(b)} · {cos} + {factor(a)} · {sin} = {written(turned[index + half])}",
            ]
        output.append(turned)
        steps.append(Step(f"position {position}: x = {listed(vector)}", lines=lines))
    return Example([], [*steps, Step("output", [grid("y", output, True)])], values, {}, output)


def turn(vector: Sequence[float], position: int, theta: float, size: int) -> list[float]:
    """A vector whose first `size` features are rotated in pairs, each with the one size/2 further on."""
    turned, half = list(vector), size // 2
    for index in range(half):
        angle = position * theta ** (-2 * index / size)
        a, b, cosine, sine = vector[index], vector[index + half], math.cos(angle), math.sin(angle)
        turned[index], turned[index + half] = a * cosine - b * sine, b * cosine + a * sine
    return turned


def turning(index: int, half: int, position: str, theta: float, size: int) -> str:
    """Which features form a pair, and how its angle is computed."""
    power = f"^(−{2 * index}/{size})" if index else "^0"
    return f"features {index} and {index + half} = {position} · {written(theta)}{power}"


@works(RelPosBias)
def distances(node: Node) -> Example:
    """The table row for each pair of positions, or the slope of each head; then the scores."""
    layer: Any = node.layer
    x, y = node.inputs[0], node.exit
    heads, positions = int(y.shape[0]), int(y.shape[-1])
    instead = f'"relposbias 2 kind={layer.kind}{" window=2x2" if layer.kind == "window" else ""}" --input 4x8'
    limit(node, (("positions", positions, _POSITIONS + 1), ("heads", heads, _HEADS)), instead)
    values, output = filled(x.shape), biases(layer, y)
    if layer.kind == "alibi":
        apart = [[abs(i - j) for j in range(positions)] for i in range(positions)]
        slopes = alibi_slopes(heads)
        steps = [Step("how far each query i (a row) is from each key j (a column)", [grid("|i − j|", apart)])]
        for head, slope in enumerate(slopes):
            steps.append(Step(f"head {head}: −{written(slope)} · |i − j|", [grid(f"y[{head}]", output[head], True)]))
        return Example([], steps, values, {}, output, {"slopes": slopes})
    table = learned(layer.params(x)["weight"])
    rows, told = _rows(layer, positions)
    lines = [f"{what}: row {row} = {listed(table[row])}" for what, row in told.items()]
    steps = [
        Step("rows of the learned table W that are read, with a number for each head", lines=lines),
        Step("which row each query i (down) takes for each key j (across)", [grid("row", rows)]),
        Step("output", [grid(f"y[{head}]", one, True) for head, one in enumerate(output)]),
    ]
    return Example([], steps, values, {"weight": table}, output)


def biases(layer: Any, y: Tensor) -> Array:
    """The numbers of its output `y`, for each head, query and key."""
    heads, positions = int(y.shape[0]), int(y.shape[-1])
    if layer.kind == "alibi":
        each = range(positions)
        return [[[-slope * abs(i - j) for j in each] for i in each] for slope in alibi_slopes(heads)]
    table, (rows, _) = learned(layer.params(y)["weight"]), _rows(layer, positions)
    return [[[table[row][head] for row in line] for line in rows] for head in range(heads)]


def _rows(layer: Any, positions: int) -> tuple[list[list[int]], dict[str, int]]:
    """Which row of the table each pair of positions takes, and the row of each distance."""
    if layer.kind == "window":
        return _of_windows(layer)
    return _of_buckets(positions, int(layer.buckets), layer.causal)


def alibi_slopes(heads: int) -> list[float]:
    """A geometric sequence; if the number of heads is not a power of two, further slopes lie between its first ones."""
    steps = 2 ** math.floor(math.log2(heads))
    slopes: list[float] = [2 ** (-8 * (index + 1) / steps) for index in range(steps)]
    return slopes + [2 ** (-4 * (2 * index + 1) / steps) for index in range(heads - steps)]


def _of_buckets(positions: int, buckets: int, causal: bool) -> tuple[list[list[int]], dict[str, int]]:
    """Near distances have a row each, far ones share; keys after the query have the second half, or the first row."""
    side = buckets if causal else max(1, buckets // 2)
    near = max(1, side // 2)

    def row(distance: int) -> int:
        distance = min(distance, 0) if causal else distance
        found = abs(distance)
        if found >= near:
            growth = math.log(found / near) / math.log(128 / near)
            found = min(int(near + growth * (side - near)), side - 1)
        return min(found + side * (distance > 0), buckets - 1)

    rows = [[row(j - i) for j in range(positions)] for i in range(positions)]
    return rows, {f"j − i = {written(one)}": row(one) for one in range(1 - positions, positions)}


def _of_windows(layer: Any) -> tuple[list[list[int]], dict[str, int]]:
    """A row for each displacement, the last axis fastest."""
    window = [int(size) for size in (layer.window * 2 if len(layer.window) == 1 else layer.window)]
    places = list(itertools.product(*map(range, window)))

    def row(i: tuple[int, ...], j: tuple[int, ...]) -> int:
        number = 0
        for one, other, size in zip(i, j, window):
            number = number * (2 * size - 1) + one - other + size - 1
        return number

    moved = {tuple(a - b for a, b in zip(i, j)): row(i, j) for i in places for j in places}
    told = {f"i − j = ({', '.join(map(written, one))})": number for one, number in sorted(moved.items())}
    return [[row(i, j) for j in places] for i in places], told


@works(ClsToken)
def class_token(node: Node) -> Example:
    """The learned vector, then the sequence."""
    layer: Any = node.layer
    values = _sequence(node)
    weight = learned(layer.params(node.inputs[0])["weight"])
    output = [*weight, *values]
    steps = [Step("the learned vector first", [grid("y", output, True)])]
    return Example([grid("x", values), grid("w", weight)], steps, values, {"weight": weight}, output)
