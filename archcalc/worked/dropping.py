"""What dropout does in training, with elements drawn in advance, and at inference."""

from __future__ import annotations

from typing import Any

from archcalc.layers.regularization import Dropout, DropPath
from archcalc.network.graph import Node
from archcalc.worked.example import Example, Step, filled, limit, placed, works, written

_ELEMENTS = 24
# Drawn once, uniform between 0 and 1.
_DRAWN = (0.62, 0.17, 0.84, 0.39, 0.55, 0.93, 0.28)


@works(Dropout, DropPath)
def dropping(node: Node) -> Example:
    """A line for each element in training; at inference all stay as they are."""
    layer: Any = node.layer
    x = node.inputs[0]
    limit(node, (("elements", int(x.elements), _ELEMENTS),), f'"{node.op}" --input 4')
    values, p = filled(x.shape), float(layer.p)
    lines: list[str] = []

    def one(value: float, place: str) -> float:
        drawn = _DRAWN[0 if isinstance(layer, DropPath) else len(lines) % len(_DRAWN)]
        kept = f"{written(drawn)} ≥ p: y[{place}] = {written(value)} / (1 − {written(p)})"
        result = value / (1 - p) if drawn >= p and p < 1 else 0.0
        lines.append(f"{kept} = {written(result)}" if drawn >= p and p < 1 else f"{written(drawn)} < p: y[{place}] = 0")
        return result

    placed(one, values)
    whole = isinstance(layer, DropPath)
    title = f"in training: {'one number is drawn for the sample' if whole else 'a number is drawn for each element'}"
    why = [
        f"a share of 1 − p = {written(1 - p)} is kept and divided by it, so the mean stays as it is without dropout",
    ]
    steps = [
        Step(f"{title}, uniform between 0 and 1; p = {written(p)}", lines=[*lines, *(why if p < 1 else [])]),
        Step("at inference: y = x", lines=["nothing is drawn or divided"]),
    ]
    return Example([], steps, values, {}, values)
