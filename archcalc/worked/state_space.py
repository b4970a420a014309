"""A state space model: each channel has a state that decays, takes in input and is read, step by step."""

from __future__ import annotations

import math
from typing import Any

from archcalc.layers.selective_scan import SelectiveScan
from archcalc.network.graph import Node
from archcalc.worked.example import Array, Example, Step, dot, grid, learned, limit, listed, operands, works

_STEPS, _CHANNELS, _STATE = 5, 4, 4
_SIZES = (0.5, 1, 0.25, 2)


@works(SelectiveScan)
def selective_scan(node: Node) -> Example:
    """Each step of all channels, from a zero state."""
    layer: Any = node.layer
    x = node.inputs[0]
    steps, channels, state = int(x.shape[0]), int(x.shape[1]), int(layer.size)
    sizes = (
        ("steps", steps, _STEPS),
        ("channels", channels, _CHANNELS),
        ("elements in a channel's state", state, _STATE),
    )
    limit(node, sizes, '"selectivescan dt=input b=input c=input" --input 3x2')
    tensors = (x, layer.dt, layer.b, layer.c)
    numbers = {} if layer.dt in (x, layer.b, layer.c) else {id(layer.dt): _SIZES}
    inputs, (values, dt, b, c) = operands(node, tensors, numbers)
    weights = {name: learned(shape, 2 * index) for index, (name, shape) in enumerate(layer.params(x).items())}
    rates = [_negated(row) for row in weights["A_log"]]
    rows = len(dt[0])
    each, group = channels // rows, channels // int(layer.groups)
    told = {id(one): name for one, name in zip((c, b, dt, values), ("C", "B", "Δ", "x"))}
    given = [grid(told[id(one)], one) for one in inputs]
    given += [grid("A = −exp(A_log)", rates), *([grid("D", weights["D"])] if layer.skip else [])]
    h = [[0.0] * state for _ in range(channels)]
    done, output = [], []
    for step, vector in enumerate(values):
        entering, reading = (
            [one[step][channel // group * state :][:state] for channel in range(channels)] for one in (b, c)
        )
        size = [dt[step][channel // each] for channel in range(channels)]
        decays = [_decays(rates[channel // each], size[channel], state) for channel in range(channels)]
        fed = [[size[channel] * vector[channel] * one for one in entering[channel]] for channel in range(channels)]
        h = [[a * old + new for a, old, new in zip(*rows)] for rows in zip(decays, h, fed)]
        read = [dot(one, by) for one, by in zip(h, reading)]
        past = [weights["D"][channel // each] * vector[channel] if layer.skip else 0.0 for channel in range(channels)]
        y = [one + other for one, other in zip(read, past)]
        lines = [f"h C = {listed(read)}"]
        lines += [f"D ⊙ x = {listed(past)}", f"y = h C + D ⊙ x = {listed(y)}"] if layer.skip else [f"y = {listed(y)}"]
        grids = [grid("exp(Δ A)", decays), grid("Δ x B", fed), grid("h = exp(Δ A) ⊙ h + Δ x B", h)]
        title = f"t = {step + 1}   x = {listed(vector)}, Δ = {listed(dt[step])}"
        done.append(Step(f"{title}; a row for each channel", grids, lines))
        output.append(y)
    return Example(given, [*done, Step("output", [grid("y", output, True)])], inputs[0], weights, output, inputs=inputs)


def _negated(row: Array) -> Array:
    """−exp of a number, or of each number of a row."""
    return [-math.exp(one) for one in row] if isinstance(row, list) else -math.exp(row)


def _decays(rate: Array, size: float, state: int) -> list[float]:
    """The share of each state element that remains; a single rate may be shared by all."""
    return [math.exp(size * one) for one in (rate if isinstance(rate, list) else [rate] * state)]
