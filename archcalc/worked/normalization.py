"""Normalisation: the mean and variance of a vector, then every element."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from archcalc.layers.base import Layer
from archcalc.layers.frozen_norm import FrozenBatchNorm
from archcalc.layers.local_norm import LocalResponseNorm
from archcalc.layers.normalization import BatchNorm, GroupNorm, InstanceNorm, LayerNorm
from archcalc.layers.rms_norm import RMSNorm
from archcalc.network.graph import Node
from archcalc.worked.example import Array, Example, Step, factor, filled, limit, listed, refuse, works, written

_ELEMENTS = 24
# Endings of commands that have an example, where a name and the usual input sizes do not.
_SMALL: dict[type[Layer], str] = {
    GroupNorm: '"groupnorm 2" --input 4x2x2',
    LayerNorm: '"layernorm" --input 2x4',
    RMSNorm: '"rmsnorm axis=-1" --input 2x4',
}


def _flat(values: Array) -> list[float]:
    return [one for part in values for one in _flat(part)] if isinstance(values, list) else [values]


def _like(values: Array, new: list[float]) -> Array:
    """`new`, an iterator's worth of numbers, in the shape of `values`."""
    numbers = iter(new)

    def build(part: Array) -> Array:
        return [build(one) for one in part] if isinstance(part, list) else next(numbers)

    return build(values)


class _Vector:
    """The elements that share a mean: their places in the flat input, and the scale and shift of each."""

    def __init__(self, name: str, places: list[int], scale: list[float], shift: list[float]) -> None:
        self.name, self.places, self.scale, self.shift = name, places, scale, shift


@works(LayerNorm, GroupNorm, InstanceNorm, BatchNorm, RMSNorm, FrozenBatchNorm)
def normalization(node: Node) -> Example:
    """One vector after another, at inference."""
    layer: Any = node.layer
    x = node.inputs[0]
    limit(node, (("elements", int(x.elements), _ELEMENTS),), _SMALL.get(type(layer), f'"{node.op}" --input 2x2x2'))
    values = filled(x.shape)
    flat = _flat(values)
    shapes, stored = layer.params(x), layer.buffers(x)
    weights = {name: filled(shape, 3 + index) for index, (name, shape) in enumerate(shapes.items())}
    buffers = {}
    if stored:
        buffers = {name: filled(shape, 3 + index) for index, (name, shape) in enumerate(stored.items())}
        buffers |= {"running_mean": filled(stored["running_mean"], 1), "running_var": [abs(one) + 1 for one in filled(stored["running_var"], 2)]}  # fmt: skip
        if "num_batches_tracked" in stored:
            buffers["num_batches_tracked"] = 1
    elif isinstance(node.layer, BatchNorm):
        raise refuse(node, "without running statistics it uses those of a batch", '"batchnorm" --input 2x2x2')
    along = layer.along(x) if isinstance(node.layer, RMSNorm) else 0
    result = list(flat)
    steps: list[Step] = []
    factors = weights | {name: buffers[name] for name in ("weight", "bias") if name in buffers}
    for vector in _vectors(layer, [int(size) for size in x.shape], along, factors):
        read = [flat[place] for place in vector.places]
        if stored:
            channel = len(steps)
            mean, variance = buffers["running_mean"][channel], buffers["running_var"][channel]
            what = "stored" if isinstance(node.layer, FrozenBatchNorm) else "running"
            lines = [f"{what} mean μ = {written(mean)}, {what} variance σ² = {written(variance)}"]
        elif isinstance(node.layer, RMSNorm):
            mean, variance = 0.0, math.fsum(one * one for one in read) / len(read)
            lines = [f"mean of squares = {written(variance)}"]
        else:
            mean = math.fsum(read) / len(read)
            variance = math.fsum((one - mean) ** 2 for one in read) / len(read)
            lines = [f"μ = {written(mean)}, σ² = {written(variance)}"]
        eps = layer.eps if layer.eps is not None else 1.1920928955078125e-07  # torch.finfo(torch.float32).eps
        lines[0] += f", ε = {eps:g}"
        root = math.sqrt(variance + eps)
        normal = [(one - mean) / root for one in read]
        below = f"√({written(variance)} + ε)"
        top = "x" if isinstance(node.layer, RMSNorm) else "(x − μ)"
        lines.append(f"{top} / {below} = {listed(normal)}")
        found = [n * scale + shift for n, scale, shift in zip(normal, vector.scale, vector.shift)]
        if factors:
            shifted = f" + β {_told(vector.shift)}" if "bias" in factors else ""
            lines.append(f"that · γ {_told(vector.scale)}{shifted} = {listed(found)}")
        for place, value in zip(vector.places, found):
            result[place] = value
        steps.append(Step(f"{vector.name} = {listed(read)}", lines=lines))
    return Example([], steps, values, weights, _like(values, result), buffers)


def _told(factors: list[float]) -> str:
    return written(factors[0]) if len(set(factors)) == 1 else listed(factors)


def _vectors(layer: Any, shape: list[int], along: int, weights: dict[str, Array]) -> list[_Vector]:
    """The vectors that are normalised together."""
    elements = math.prod(shape)
    scale, shift = _flat(weights.get("weight", [])), _flat(weights.get("bias", []))

    def vector(name: str, places: list[int], which: Callable[[int], int]) -> _Vector:
        return _Vector(
            name,
            places,
            [scale[which(place)] if scale else 1.0 for place in places],
            [shift[which(place)] if shift else 0.0 for place in places],
        )

    if isinstance(layer, (LayerNorm, RMSNorm)):
        if isinstance(layer, RMSNorm):
            after = math.prod(shape[along + 1 :])
            size = shape[along]
        else:
            after, size = 1, math.prod(shape[len(shape) - len(layer.axes) :])
        found = []
        for start in range(elements // size):
            first = start // after * after * size + start % after
            places = [first + index * after for index in range(size)]
            found.append(vector(f"x[{start}]" if elements > size else "x", places, lambda place: place // after % size))
        return found
    space = math.prod(shape[1:])
    per = shape[0] // int(layer.groups) if isinstance(layer, GroupNorm) else 1
    return [
        vector(
            f"group {group}" if isinstance(layer, GroupNorm) else f"channel {group}",
            list(range(group * per * space, (group + 1) * per * space)),
            lambda place: place // space,
        )
        for group in range(shape[0] // per)
    ]


@works(LocalResponseNorm)
def local_response(node: Node) -> Example:
    """Every element divided by the energy of the channels around it."""
    layer: Any = node.layer
    x = node.inputs[0]
    limit(node, (("elements", int(x.elements), _ELEMENTS),), '"localresponsenorm 3 alpha=1" --input 4x1')
    values, size = filled(x.shape), int(layer.size)
    space = math.prod(map(int, x.shape[1:]))
    flat, result = _flat(values), []
    lines = []
    for place, value in enumerate(flat):
        channel, at = divmod(place, space)
        first, last = max(0, channel - size // 2), min(int(x.shape[0]), channel - size // 2 + size)
        around = [flat[other * space + at] for other in range(first, last)]
        energy = layer.k + layer.alpha / size * math.fsum(one * one for one in around)
        result.append(value / energy**layer.beta)
        squares = " + ".join(f"{factor(one)}²" for one in around)
        name = ", ".join(map(str, (channel, *_index(at, x.shape[1:]))))
        below = f"{written(layer.k)} + {written(layer.alpha)}/{size} · ({squares})"
        lines.append(f"y[{name}] = {written(value)} / ({below})^{written(layer.beta)} = {written(result[-1])}")
    return Example([], [Step("element by element", lines=lines)], values, {}, _like(values, result))


def _index(place: int, sizes: Sequence[int]) -> list[int]:
    """The place of an element along each axis, from its flat index."""
    found = []
    for size in reversed(sizes):
        place, index = divmod(place, int(size))
        found.append(index)
    return found[::-1]
