"""What tells positions apart: vectors that are added to each, pairs of features that turn."""

from __future__ import annotations

import math
from typing import Any

from archcalc.layers.position import ClsToken, PosEmbed, Rope
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

_POSITIONS, _WIDTH = 5, 8


def _sequence(node: Node) -> Array:
    """A sequence that a page takes."""
    x, instead = node.inputs[0], f'"{node.op}" --input 3x4'
    if x.rank != 2:
        raise refuse(node, "a page takes positions with features, and no further axes", instead)
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
    """The angle of each pair of features at each position, and the pair turned by it."""
    layer: Any = node.layer
    values = _sequence(node)
    size = int(node.inputs[0].shape[1] if layer.dim is None else layer.dim)
    half, theta = size // 2, written(layer.theta)
    steps, output = [], []
    for position, vector in enumerate(values):
        turned, lines = list(vector), []
        for index in range(half):
            power = f"^(−{2 * index}/{size})" if index else "^0"
            angle = position * layer.theta ** (-2 * index / size)
            a, b, cosine, sine = vector[index], vector[index + half], math.cos(angle), math.sin(angle)
            turned[index], turned[index + half] = a * cosine - b * sine, b * cosine + a * sine
            cos, sin = factor(cosine), factor(sine)
            lines += [
                f"angle of features {index} and {index + half} = {position} · {theta}{power} = {written(angle)}",
                f"y[{position}, {index}] = {written(a)} · {cos} − {factor(b)} · {sin} = {written(turned[index])}",
                f"y[{position}, {index + half}] = {written(b)} · {cos} + {factor(a)} · {sin} = {written(turned[index + half])}",
            ]
        output.append(turned)
        steps.append(Step(f"position {position}: x = {listed(vector)}", lines=lines))
    return Example([], [*steps, Step("output", [grid("y", output, True)])], values, {}, output)


@works(ClsToken)
def class_token(node: Node) -> Example:
    """The learned vector, then the sequence."""
    layer: Any = node.layer
    values = _sequence(node)
    weight = learned(layer.params(node.inputs[0])["weight"])
    output = [*weight, *values]
    steps = [Step("the learned vector first", [grid("y", output, True)])]
    return Example([grid("x", values), grid("w", weight)], steps, values, {"weight": weight}, output)
