"""Functions of each element, and softmax over a vector."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

from archcalc.layers.activation import (
    CELU,
    ELU,
    GELU,
    SELU,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    Mish,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softplus,
    Softsign,
    Tanh,
)
from archcalc.layers.algebra import Scale
from archcalc.layers.base import Layer
from archcalc.layers.dense import LayerScale
from archcalc.layers.elementwise import (
    Abs,
    Cos,
    Exp,
    Floor,
    Log,
    Neg,
    Offset,
    Pow,
    Reciprocal,
    Rsqrt,
    Sign,
    Sin,
    Sqrt,
    Square,
)
from archcalc.layers.gating import GLU
from archcalc.layers.prelu import PReLU
from archcalc.layers.softmax import LogSoftmax, Softmax
from archcalc.network.graph import Node
from archcalc.worked.example import (
    Array,
    Example,
    Step,
    each,
    factor,
    filled,
    grid,
    learned,
    limit,
    listed,
    nested,
    numbered,
    placed,
    works,
    written,
)

_ELEMENTS, _VECTOR = 24, 8
# λ and α of Klambauer et al. 2017.
_SELU = 1.0507009873554805, 1.6732632423543772


def sigmoid(x: float) -> float:
    """1 / (1 + e^(−x))."""
    return 1 / (1 + math.exp(-x))


def softmax(values: list[float]) -> list[float]:
    """e^x over the sum of all; 0 for −∞."""
    powers = [math.exp(one) for one in values]
    total = math.fsum(powers)
    return [power / total for power in powers]


# How the value of an element is written ({x}, {f} after an operator, {own} for the element itself; a piecewise one for
# x > 0 and otherwise), and computed with the layer's arguments.
_FUNCTIONS: dict[type[Layer], tuple[str, Callable[[float, Any], float]]] = {
    ReLU: ("max(0, {x})", lambda x, layer: max(0.0, x)),
    ReLU6: ("min(max(0, {x}), 6)", lambda x, layer: min(max(0.0, x), 6.0)),
    Sigmoid: ("1 / (1 + e^(−{f}))", lambda x, layer: sigmoid(x)),
    Tanh: ("tanh({x})", lambda x, layer: math.tanh(x)),
    SiLU: ("{x} · σ({x})", lambda x, layer: x * sigmoid(x)),
    Mish: ("{x} · tanh(ln(1 + e^{f}))", lambda x, layer: x * math.tanh(math.log1p(math.exp(x)))),
    GELU: ("{x} · Φ({x})", lambda x, layer: _gelu(x, layer.approximate)),
    Softplus: ("ln(1 + e^({beta} · {f})) / {beta}", lambda x, layer: _softplus(x, layer)),
    Softsign: ("{x} / (1 + |{x}|)", lambda x, layer: x / (1 + abs(x))),
    LogSigmoid: ("ln σ({x})", lambda x, layer: math.log(sigmoid(x))),
    LeakyReLU: ("{own}|{slope} · {f}", lambda x, layer: x if x > 0 else layer.slope * x),
    ELU: ("{own}|{alpha} · (e^{f} − 1)", lambda x, layer: x if x > 0 else layer.alpha * math.expm1(x)),
    CELU: (
        "{own}|{alpha} · (e^({x} / {alpha}) − 1)",
        lambda x, layer: x if x > 0 else layer.alpha * math.expm1(x / layer.alpha),
    ),
    SELU: (
        "1.0507 · {x}|1.0507 · 1.6733 · (e^{f} − 1)",
        lambda x, layer: _SELU[0] * (x if x > 0 else _SELU[1] * math.expm1(x)),
    ),
    Hardtanh: ("min(max({low}, {x}), {high})", lambda x, layer: min(max(layer.low, x), layer.high)),
    Hardsigmoid: ("min(max(0, {x} + 3), 6) / 6", lambda x, layer: min(max(0.0, x + 3), 6.0) / 6),
    Hardswish: ("{x} · min(max(0, {x} + 3), 6) / 6", lambda x, layer: x * min(max(0.0, x + 3), 6.0) / 6),
    Exp: ("e^{f}", lambda x, layer: math.exp(x)),
    Neg: ("−{f}", lambda x, layer: -x),
    Abs: ("|{x}|", lambda x, layer: abs(x)),
    Square: ("{f}²", lambda x, layer: x * x),
    Sin: ("sin({x})", lambda x, layer: math.sin(x)),
    Cos: ("cos({x})", lambda x, layer: math.cos(x)),
    Floor: ("⌊{x}⌋", lambda x, layer: math.floor(x)),
    Sign: ("sign({x})", lambda x, layer: (x > 0) - (x < 0)),
    Reciprocal: ("1 / {f}", lambda x, layer: 1 / x),
    Scale: ("{factor} · {f}", lambda x, layer: layer.factor * x),
    Offset: ("{x} + {number}", lambda x, layer: x + layer.number),
}
# Those defined for positive numbers only.
_OF_POSITIVE: dict[type[Layer], tuple[str, Callable[[float, Any], float]]] = {
    Sqrt: ("√{x}", lambda x, layer: math.sqrt(x)),
    Rsqrt: ("1 / √{x}", lambda x, layer: 1 / math.sqrt(x)),
    Log: ("ln {x}", lambda x, layer: math.log(x)),
    Pow: ("{f}^{exponent}", lambda x, layer: x**layer.exponent),
}


def _gelu(x: float, approximate: str) -> float:
    if approximate == "tanh":
        return x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    return x / 2 * (1 + math.erf(x / math.sqrt(2)))


def _softplus(x: float, layer: Any) -> float:
    return x if x * layer.beta > layer.threshold else math.log1p(math.exp(x * layer.beta)) / layer.beta


@works(*_FUNCTIONS, *_OF_POSITIVE)
def function(node: Node) -> Example:
    """A line for each element."""
    x = node.inputs[0]
    layer: Any = node.layer
    given = "".join(f" {value:g}" for name, value in _numbers(layer).items() if name == layer.first)
    limit(node, (("elements", int(x.elements), _ELEMENTS),), f'"{node.op}{given}" --input 4')
    values = filled(x.shape)
    if type(layer) in _OF_POSITIVE:
        values = each(abs, values)
    text, compute = (_FUNCTIONS | _OF_POSITIVE)[type(layer)]
    named = {name: factor(value) for name, value in _numbers(layer).items()}
    above, _, below = text.partition("|")
    lines: list[str] = []

    def one(value: float, place: str) -> float:
        result = compute(value, layer)
        told = (below if below and value <= 0 else above).format(
            x=written(value), f=factor(value), own=f"x[{place}]", **named
        )
        lines.append(f"y[{place}] = {told} = {written(result)}")
        return result

    output = placed(one, values)
    return Example([], [Step("element by element", lines=lines)], values, {}, output)


def function_of(layer: Any) -> Callable[[float], float] | None:
    """What a layer computes from any single element; None for a layer that is not such a function."""
    known = _FUNCTIONS.get(type(layer))
    return None if known is None else lambda x: known[1](x, layer)


def _numbers(layer: Any) -> dict[str, float]:
    """The numeric arguments of a layer."""
    found = {name: getattr(layer, name) for name in layer.arguments}
    return {name: value for name, value in found.items() if isinstance(value, (int, float))}


@works(PReLU)
def learned_slopes(node: Node) -> Example:
    """A line for each element, with the slope of its channel."""
    layer: Any = node.layer
    x = node.inputs[0]
    limit(node, (("elements", int(x.elements), _ELEMENTS),), '"prelu" --input 4')
    values, slopes = filled(x.shape), learned(layer.params(x)["weight"])
    lines: list[str] = []

    def one(value: float, place: str) -> float:
        slope = slopes[int(place.split(",")[0]) if len(slopes) > 1 else 0]
        result = value if value > 0 else slope * value
        told = f"x[{place}]" if value > 0 else f"{written(slope)} · {factor(value)}"
        lines.append(f"y[{place}] = {told} = {written(result)}")
        return result

    output = placed(one, values)
    return Example([grid("a", slopes)], [Step("element by element", lines=lines)], values, {"weight": slopes}, output)


@works(LayerScale)
def learned_factors(node: Node) -> Example:
    """A line for each element, with the factor of its channel or feature."""
    layer: Any = node.layer
    x = node.inputs[0]
    limit(node, (("elements", int(x.elements), _ELEMENTS),), '"layerscale axis=0" --input 4')
    values, axis = filled(x.shape), layer.along(x)
    ((name, shape),) = layer.params(x).items()
    factors = learned((x.shape[axis],))
    lines: list[str] = []

    def one(value: float, place: str) -> float:
        gamma: float = factors[int(place.split(", ")[axis])]
        lines.append(f"y[{place}] = {written(gamma)} · {factor(value)} = {written(gamma * value)}")
        return gamma * value

    output = placed(one, values)
    stored = nested(dict(zip(itertools.product(*map(range, shape)), factors)), shape)
    return Example([grid("γ", factors)], [Step("element by element", lines=lines)], values, {name: stored}, output)


@works(GLU)
def gated(node: Node) -> Example:
    """A line for each element of the first half, with its gate in the second."""
    layer: Any = node.layer
    x = node.inputs[0]
    limit(node, (("elements", int(x.elements), _ELEMENTS),), '"glu axis=0" --input 4')
    values, axis = filled(x.shape), layer.along(x)
    lines: list[str] = []

    def half(part: Array, depth: int, second: bool) -> Array:
        if depth == axis:
            middle = len(part) // 2
            return part[middle:] if second else part[:middle]
        return [half(one, depth + 1, second) for one in part]

    gates = dict(numbered(half(values, 0, True)))

    def one(value: float, place: str) -> float:
        gate = sigmoid(gates[place])
        result = value * gate
        told = f"{written(value)} · σ({written(gates[place])}) = {written(value)} · {written(gate)}"
        lines.append(f"y[{place}] = {told} = {written(result)}")
        return result

    output = placed(one, half(values, 0, False))
    return Example([], [Step("each of the first half, times its gate", lines=lines)], values, {}, output)


@works(Softmax, LogSoftmax)
def softmax_example(node: Node) -> Example:
    """One vector after another, along the axis that sums to 1."""
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
        if isinstance(layer, LogSoftmax):
            shares = [math.log(one) for one in shares]
            lines.append(f"its logarithm = {listed(shares)}")
        steps.append(Step(f"{name} = {listed(values)}", lines=lines))
        return shares

    def through(values: Array, depth: int, place: tuple[str, ...]) -> Array:
        if depth < axis:
            return [through(one, depth + 1, (*place, str(index))) for index, one in enumerate(values)]
        return columns(values, place)

    def columns(values: Array, place: tuple[str, ...]) -> Array:
        """The vectors along the first axis of `values`, for every place of the axes after it."""
        if not isinstance(values[0], list):
            return vector(values, f"x[{', '.join((*place, ':'))}]" if place or x.rank > 1 else "x")
        behind = [columns([one[index] for one in values], (*place, str(index))) for index in range(len(values[0]))]
        return [[part[index] for part in behind] for index in range(len(values))]

    values = filled(x.shape)
    output = through(values, 0, ())
    return Example([], steps, values, {}, output)
