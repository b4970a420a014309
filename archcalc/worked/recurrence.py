"""Recurrent layers, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from archcalc.layers.base import Layer
from archcalc.layers.cells import GRUCell, LSTMCell, RNNCell
from archcalc.layers.gru import GRU
from archcalc.layers.lstm import LSTM
from archcalc.layers.recurrent import RNN
from archcalc.network.graph import Node
from archcalc.worked.example import (
    NO_BREAK,
    Array,
    Example,
    Grid,
    Step,
    filled,
    grid,
    learned,
    limit,
    listed,
    operands,
    refuse,
    times_vector,
    works,
)
from archcalc.worked.functions import sigmoid

_STEPS, _UNITS, _LAYERS = 6, 4, 2

Vector = list[float]


@works(RNN, GRU, LSTM)
def recurrence(node: Node) -> Example:
    """Every step of every layer and direction, from a zero state or from numbers for another layer's state."""
    layer: Any = node.layer
    x = node.inputs[0]
    instead = f'"{node.op} 2" --input 3x2'
    limit(
        node,
        (
            ("steps", int(x.shape[0]), _STEPS),
            ("features", int(x.shape[1]), _UNITS),
            ("hidden units", int(layer.hidden), _UNITS),
            ("layers", int(layer.layers), _LAYERS),
        ),
        instead,
    )
    values = filled(x.shape)
    shapes = layer.params(x)
    weights = {name: learned(shape, 3 * index) for index, (name, shape) in enumerate(shapes.items())}
    steps: list[Step] = []
    sequence = values
    runs = int(layer.layers) * layer.directions
    names = {RNN: "z", GRU: "h", LSTM: "hc"}[type(layer)]
    sizes = [int(layer.width), int(layer.hidden)][: len(names)]
    begin = [[[0.0] * size for _ in range(runs)] for size in sizes]
    if layer.state is not None:
        begin = [filled((runs, size), 1 + 2 * index) for index, size in enumerate(sizes)]
    several = int(layer.layers) * layer.directions > 1
    for index in range(int(layer.layers)):
        outputs: list[list[Vector]] = []
        for suffix in ("", "_reverse")[: layer.directions]:
            where = _where(index, suffix, layer)
            own = {name.split("_l")[0]: value for name, value in weights.items() if name.endswith(f"_l{index}{suffix}")}
            state = [one[index * layer.directions + bool(suffix)] for one in begin]
            start = [] if layer.state is None else [grid(f"{name}(0)", one) for name, one in zip(names, state)]
            if several:
                steps.append(Step(f"{where}given", [*_given(_PARTS[type(layer)], own), *start]))
            order = sequence if not suffix else sequence[::-1]
            found = []
            for number, vector in enumerate(order):
                time = number + 1 if not suffix else len(order) - number
                lines, state = _CELLS[type(layer)](vector, state, own, layer)
                steps.append(Step(f"{where}t = {time}   x = {listed(vector)}", lines=lines))
                found.append(state[0])
            outputs.append(found if not suffix else found[::-1])
        sequence = [[value for direction in outputs for value in direction[t]] for t in range(len(sequence))]
        if layer.directions == 2:
            steps.append(Step("both directions side by side", [grid("y", sequence, True)]))
    given = [] if several else [*_given(_PARTS[type(layer)], own), *start]
    return Example(
        given, steps, values, weights, sequence, inputs=[values, *(begin if layer.state is not None else [])]
    )


@works(RNNCell, GRUCell, LSTMCell)
def one_step(node: Node) -> Example:
    """One step, from the given states."""
    layer: Any = node.layer
    instead = f'"{node.op} 2 {" ".join(f"{name}=input" for name in layer.states)}" --input 2'
    features, hidden = int(node.inputs[0].shape[-1]), int(layer.hidden)
    if node.inputs[0].rank != 1:
        raise refuse(node, "its input has further axes", instead)
    limit(node, (("features", features, _UNITS), ("hidden units", hidden, _UNITS)), instead)
    given = [getattr(layer, name) for name in layer.states]
    inputs, (x, *states) = operands(node, (node.inputs[0], *given))
    shapes = layer.params(node.inputs[0])
    weights = {name: learned(shape, 3 * index) for index, (name, shape) in enumerate(shapes.items())}
    lines, (y, *_) = _CELLS[type(layer)](x, states, weights, layer)
    names = "hc" if len(states) == 2 else "z" if isinstance(layer, RNNCell) else "h"
    told = [f"x = {listed(x)}", *(f"{name} = {listed(state)}" for name, state in zip(names, states))]
    steps = [Step("   ".join(told), lines=lines)]
    return Example(_given(_PARTS[type(layer)], weights), steps, x, weights, y, inputs=inputs)


# What the stacked rows of the weights belong to, and the names of the weights in equations.
_GRU, _LSTM = ("_r", "_z", "_n"), ("_i", "_f", "_g", "_o")
_PARTS: dict[type[Layer], tuple[str, ...]] = {
    RNN: ("",), RNNCell: ("",), GRU: _GRU, GRUCell: _GRU, LSTM: _LSTM, LSTMCell: _LSTM,
}  # fmt: skip
_LETTERS = {"weight_ih": "W", "weight_hh": "U", "bias_ih": "b", "bias_hh": "b′"}


def _given(parts: tuple[str, ...], weights: dict[str, Array]) -> list[Grid]:
    """The weights of one layer and direction, gate by gate, named as in the equations."""
    given = [
        grid(_LETTERS[name] + part, rows)
        for name, values in weights.items()
        if name in _LETTERS
        for part, rows in zip(parts, _parts(values, len(parts)))
    ]
    return [*given, *(grid("P", rows) for name, rows in weights.items() if name == "weight_hr")]


def _where(index: int, suffix: str, layer: Any) -> str:
    layers = f"layer {index + 1}, " if layer.layers > 1 else ""
    directions = ("backwards, " if suffix else "forwards, ") if layer.directions == 2 else ""
    return layers + directions


def _sums(vector: Vector, state: Vector, own: dict[str, Array]) -> tuple[Vector, Vector]:
    """W x + b and U h + b′ for all gates, stacked."""
    read = times_vector(own["weight_ih"], vector, own.get("bias_ih"))
    return read, times_vector(own["weight_hh"], state, own.get("bias_hh"))


def _written(own: dict[str, Array], state: str = "h") -> tuple[str, str]:
    """What `_sums` computes, as an equation: without biases if there are none."""
    return ("W x + b" if "bias_ih" in own else "W x"), f"U {state}" + (" + b′" if "bias_hh" in own else "")


def _parts(values: Array, count: int) -> Iterator[Array]:
    size = len(values) // count
    for index in range(count):
        yield values[index * size : (index + 1) * size]


def _added(a: Vector, b: Vector) -> Vector:
    return [one + other for one, other in zip(a, b)]


def _rnn(x: Vector, state: list[Vector], own: dict[str, Array], layer: Any) -> tuple[list[str], list[Vector]]:
    read, recalled = _sums(x, state[0], own)
    total = _added(read, recalled)
    name = layer.nonlinearity
    z = [math.tanh(one) if name == "tanh" else max(0.0, one) for one in total]
    product, other = _written(own, "z")
    return [
        f"{product} = {listed(read)}",
        f"{other} = {listed(recalled)}",
        f"z = {name}(sum) = {name}({listed(total)}) = {listed(z)}",
    ], [z]


def _gru(x: Vector, state: list[Vector], own: dict[str, Array], layer: Any) -> tuple[list[str], list[Vector]]:
    h = state[0]
    read, recalled = (list(_parts(values, 3)) for values in _sums(x, h, own))
    r, z = ([sigmoid(one) for one in _added(read[index], recalled[index])] for index in range(2))
    inside = [a + reset * b for a, reset, b in zip(read[2], r, recalled[2])]
    n = [math.tanh(one) for one in inside]
    new = [(1 - keep) * one + keep * old for keep, one, old in zip(z, n, h)]
    product, other = _written(own)
    gate, inner = f"{product} + {other}", f"({other})" if "bias_hh" in own else other
    return [
        f"r = σ({gate}) = σ({listed(_added(read[0], recalled[0]))}) = {listed(r)}   reset{NO_BREAK}gate",
        f"z = σ({gate}) = σ({listed(_added(read[1], recalled[1]))}) = {listed(z)}   update{NO_BREAK}gate",
        f"n = tanh({product} + r ⊙ {inner}) = tanh({listed(inside)}) = {listed(n)}   candidate",
        f"h = (1 − z) ⊙ n + z ⊙ h = {listed(new)}",
    ], [new]


def _lstm(x: Vector, state: list[Vector], own: dict[str, Array], layer: Any) -> tuple[list[str], list[Vector]]:
    h, c = state
    read, recalled = _sums(x, h, own)
    i, f, g, o = _parts(_added(read, recalled), 4)
    gates = {name: [sigmoid(one) for one in values] for name, values in (("i", i), ("f", f), ("o", o))}
    candidate = [math.tanh(one) for one in g]
    cell = [forget * old + enter * new for forget, old, enter, new in zip(gates["f"], c, gates["i"], candidate)]
    tanh = [math.tanh(one) for one in cell]
    new = [gate * one for gate, one in zip(gates["o"], tanh)]
    total = " + ".join(_written(own))
    told = f"o ⊙ tanh(c) = o ⊙ {listed(tanh)} = {listed(new)}"
    if "weight_hr" in own:
        new = times_vector(own["weight_hr"], new)
        told = f"P ({told.replace(' = ', ') = P (', 1).replace(' = [', f') = P{NO_BREAK}[', 1)} = {listed(new)}"
    return [
        f"i = σ({total}) = σ({listed(i)}) = {listed(gates['i'])}   input{NO_BREAK}gate",
        f"f = σ({total}) = σ({listed(f)}) = {listed(gates['f'])}   forget{NO_BREAK}gate",
        f"o = σ({total}) = σ({listed(o)}) = {listed(gates['o'])}   output{NO_BREAK}gate",
        f"g = tanh({total}) = tanh({listed(g)}) = {listed(candidate)}   candidate",
        f"c = f ⊙ {listed(c)} + i ⊙ g = {listed(cell)}",
        f"h = {told}",
    ], [new, cell]


_CELLS = {RNN: _rnn, RNNCell: _rnn, GRU: _gru, GRUCell: _gru, LSTM: _lstm, LSTMCell: _lstm}
