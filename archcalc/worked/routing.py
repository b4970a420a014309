"""A mixture of experts: the router's weights, the chosen experts, and the weighted sum of their outputs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from archcalc.layers.algebra import MoE
from archcalc.layers.dense import Linear
from archcalc.network.graph import Node
from archcalc.worked.example import (
    Array,
    Example,
    Grid,
    Step,
    filled,
    grid,
    learned,
    limit,
    listed,
    refuse,
    times_vector,
    works,
    written,
)
from archcalc.worked.functions import function_of, softmax

_POSITIONS, _FEATURES, _EXPERTS = 4, 6, 4
_INSTEAD = '"moe: {experts: 3, top_k: 2, layers: [linear 2, relu, linear 3]}" --input 2x3'


@works(MoE)
def mixture(node: Node) -> Example:
    """The experts of each position, made of linear layers and elementwise functions."""
    layer: Any = node.layer
    x = node.inputs[0]
    inner = node.children[0].children
    others = [one for one in inner if not isinstance(one.layer, Linear) and function_of(one.layer) is None]
    if others or x.rank > 2:
        why = f"its experts have `{others[0].op}`" if others else "its input has further axes"
        raise refuse(node, why, _INSTEAD)
    sizes = [("positions", 1 if x.rank == 1 else int(x.shape[0]), _POSITIONS)]
    sizes += [("features", int(one.shape[-1]), _FEATURES) for one in (x, *(layer.exit for layer in inner))]
    limit(node, (*sizes, ("experts", int(layer.experts), _EXPERTS)), _INSTEAD)
    weights = {name: learned(shape, 3) for name, shape in layer.params(x).items()}
    for expert in range(int(layer.experts)):
        for index, one in enumerate(inner):
            for name, shape in one.params.items():
                weights[f"experts.{expert}.{one.segment}.{name}"] = learned(shape, 3 * expert + 5 * index)
    values = filled(x.shape)
    steps = [*_experts(weights, int(layer.experts))]
    rows = [_position(layer, weights, inner, one, index, steps) for index, one in enumerate(_rows(values))]
    steps.append(Step("output", [grid("y", rows, True)]))
    return Example(_given(weights, values), steps, values, weights, rows if x.rank == 2 else rows[0])


def _rows(values: Array) -> list[list[float]]:
    return values if isinstance(values[0], list) else [values]


def _given(weights: dict[str, Array], values: Array) -> list[Grid]:
    """The router's matrix has a column for each expert."""
    given = [grid("x", values), grid("W_R", [list(column) for column in zip(*weights["router.weight"])])]
    return given + ([grid("b_R", weights["router.bias"])] if "router.bias" in weights else [])


def _experts(weights: dict[str, Array], count: int) -> Iterator[Step]:
    """The matrices of each expert, with a row for each output number."""
    for expert in range(count):
        own = {
            tuple(name.split(".")[2:]): one for name, one in weights.items() if name.startswith(f"experts.{expert}.")
        }
        grids = [grid(f"{'W' if letter == 'weight' else 'b'} of {layer}", one) for (layer, letter), one in own.items()]
        if grids:
            yield Step(f"expert {expert}, given", grids)


def _position(
    layer: Any, weights: dict[str, Array], inner: list[Node], vector: list[float], index: int, steps: list[Step]
) -> list[float]:
    """The output at a position, adding one more step."""
    scores = times_vector(weights["router.weight"], vector, weights.get("router.bias"))
    shares = softmax(scores)
    chosen = sorted(range(len(shares)), key=shares.__getitem__, reverse=True)[: int(layer.top_k)]
    total = math.fsum(shares[expert] for expert in chosen)
    parts = [shares[expert] / total for expert in chosen]
    names = " and ".join(map(str, chosen))
    lines = [
        f"x W_R{' + b_R' if layer.bias else ''} = {listed(scores)}",
        f"p = softmax = {listed(shares)}",
        f"the largest {'is that' if len(chosen) == 1 else f'{len(chosen)} are those'} of "
        f"{'expert' if len(chosen) == 1 else 'experts'} {names}; over their sum: {listed(parts)}",
    ]
    results = []
    for expert in chosen:
        found, told = list(vector), []
        for one in inner:
            found = _through(one, weights, expert, found)
            told.append(f"{one.segment} = {listed(found)}")
        lines.append(f"expert {expert}: {'; '.join(told)}")
        results.append(found)
    mixed = [math.fsum(part * one for part, one in zip(parts, column)) for column in zip(*results)]
    sums = " + ".join(f"{written(part)} · {listed(one)}" for part, one in zip(parts, results))
    lines.append(f"y = {sums} = {listed(mixed)}")
    steps.append(Step(f"position {index}: x = {listed(vector)}", lines=lines))
    return mixed


def _through(one: Node, weights: dict[str, Array], expert: int, vector: list[float]) -> list[float]:
    """A layer of an expert."""
    compute = function_of(one.layer)
    if compute is not None:
        return [compute(value) for value in vector]
    name = f"experts.{expert}.{one.segment}"
    return times_vector(weights[f"{name}.weight"], vector, weights.get(f"{name}.bias"))
