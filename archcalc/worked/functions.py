"""Functions of each element, and softmax over a vector."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from archcalc.network.graph import Node
from archcalc.worked.example import Array, Example, Step, filled, limit, listed, works, written

_ELEMENTS, _VECTOR = 24, 8


def sigmoid(x: float) -> float:
    """1 / (1 + e^(−x))."""
    return 1 / (1 + math.exp(-x))


def softmax(values: list[float]) -> list[float]:
    """e^x over the sum of all; −∞ gives 0."""
    powers = [math.exp(one) for one in values]
    total = math.fsum(powers)
    return [power / total for power in powers]


# How the value of an element is written, and computed with the layer's arguments.
_FUNCTIONS: dict[str, tuple[str, Callable[[float, Any], float]]] = {
    "relu": ("max(0, {x})", lambda x, layer: max(0.0, x)),
    "relu6": ("min(max(0, {x}), 6)", lambda x, layer: min(max(0.0, x), 6.0)),
    "sigmoid": ("1 / (1 + e^(−({x})))", lambda x, layer: sigmoid(x)),
    "tanh": ("tanh({x})", lambda x, layer: math.tanh(x)),
    "silu": ("{x} · σ({x})", lambda x, layer: x * sigmoid(x)),
    "gelu": ("{x} · Φ({x})", lambda x, layer: _gelu(x, layer.approximate)),
    "softplus": ("ln(1 + e^(β · {x})) / β", lambda x, layer: _softplus(x, layer)),
    "leakyrelu": ("max({x}, slope · {x})", lambda x, layer: x if x > 0 else layer.slope * x),
    "elu": ("{x} if above 0, else α · (e^({x}) − 1)", lambda x, layer: x if x > 0 else layer.alpha * math.expm1(x)),
    "hardsigmoid": ("min(max(0, {x} + 3), 6) / 6", lambda x, layer: min(max(0.0, x + 3), 6.0) / 6),
    "hardswish": ("{x} · min(max(0, {x} + 3), 6) / 6", lambda x, layer: x * min(max(0.0, x + 3), 6.0) / 6),
    "exp": ("e^({x})", lambda x, layer: math.exp(x)),
    "square": ("({x})²", lambda x, layer: x * x),
}


def _gelu(x: float, approximate: str) -> float:
    if approximate == "tanh":
        return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x / 2 * (1 + math.erf(x / math.sqrt(2)))


def _softplus(x: float, layer: Any) -> float:
    return x if x * layer.beta > layer.threshold else math.log1p(math.exp(x * layer.beta)) / layer.beta


@works(*_FUNCTIONS)
def function(node: Node) -> Example:
    """A line for each element."""
    x = node.inputs[0]
    limit(node, (("elements", int(x.elements), _ELEMENTS),), f'"{node.op}" --input 4')
    text, compute = _FUNCTIONS[node.op]
    lines: list[str] = []

    def through(value: Array, place: tuple[int, ...]) -> Array:
        if isinstance(value, list):
            return [through(one, (*place, index)) for index, one in enumerate(value)]
        result = compute(value, node.layer)
        at = ", ".join(map(str, place))
        lines.append(f"y[{at}] = {text.format(x=written(value))} = {written(result)}")
        return result

    values = filled(x.shape)
    output = through(values, ())
    return Example([], [Step("element by element", lines=lines)], values, {}, output)


@works("softmax", "logsoftmax")
def softmax_example(node: Node) -> Example:
    """A vector after the other, along the axis that sums to 1."""
    layer: Any = node.layer
    x = node.inputs[0]
    axis = layer.along(x)
    limit(
        node,
        (("elements", int(x.elements), _ELEMENTS), ("elements in a vector", int(x.shape[axis]), _VECTOR)),
        f'"{node.op} axis=0" --input 4',
    )
    steps: list[Step] = []

    def vector(values: list[float], name: str) -> list[float]:
        powers = [math.exp(one) for one in values]
        shares = softmax(values)
        lines = [f"e^x = {listed(powers)}, together {written(math.fsum(powers))}", f"e^x / sum = {listed(shares)}"]
        if node.op == "logsoftmax":
            shares = [math.log(one) for one in shares]
            lines.append(f"its logarithm = {listed(shares)}")
        steps.append(Step(f"{name} = {listed(values)}", lines=lines))
        return shares

    def through(values: Array, depth: int, place: tuple[str, ...]) -> Array:
        if depth < axis:
            return [through(one, depth + 1, (*place, str(index))) for index, one in enumerate(values)]
        return columns(values, place)

    def columns(values: Array, place: tuple[str, ...]) -> Array:
        """Along the first axis of `values`, for every place of the axes behind it."""
        if not isinstance(values[0], list):
            return vector(values, f"x[{', '.join((*place, ':'))}]" if place or x.rank > 1 else "x")
        behind = [columns([one[index] for one in values], (*place, str(index))) for index in range(len(values[0]))]
        return [[part[index] for part in behind] for index in range(len(values))]

    values = filled(x.shape)
    output = through(values, 0, ())
    return Example([], steps, values, {}, output)
