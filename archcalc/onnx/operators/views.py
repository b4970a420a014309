"""Reshapes, transposes, padding and other changes of layout."""

from __future__ import annotations

from typing import Any

from archcalc.onnx.model import Node, Tensor
from archcalc.onnx.numbers import MisfitError, broadcast
from archcalc.onnx.operators.folding import axes_of, unsqueezed
from archcalc.onnx.operators.registry import UnreadError, operator
from archcalc.onnx.running import Running
from archcalc.onnx.traced import Traced
from archcalc.tracing.calls import CONSTANT, PARAMETER


@operator("Constant")
def constant(run: Running, node: Node) -> Traced:
    """A constant too large to be read."""
    value = node.attributes.get("value")
    if not isinstance(value, Tensor):
        raise UnreadError("of texts")
    if node.outputs[0] in run.scopes.weights and value.kind == "float":
        return Traced(PARAMETER, value.shape, value.kind, node.outputs[0])
    return Traced(CONSTANT, value.shape, value.kind, node.outputs[0])


@operator("Reshape")
def reshaped(run: Running, node: Node, x: Traced, wanted: Traced) -> Traced:
    """Reshape."""
    if wanted.array is None:
        shape = run.said(node.outputs[0])
        if shape is None:
            raise UnreadError("to computed sizes")
    else:
        shape = run.reshaped_to(x, wanted.array.numbers, node.outputs[0])
    return viewed(run, x, shape)


def viewed(run: Running, x: Traced, shape: Any) -> Traced:
    """Reshapes and keeps known elements."""
    made = run.call("reshape", [x], shape)
    if made.source == CONSTANT and x.look is not None:
        made.look = x.look
    return made


@operator("Flatten")
def flattened(run: Running, node: Node, x: Traced) -> Traced:
    """Flattens to two axes: those before one, and the rest."""
    axis = node.attributes.get("axis", 1)
    axis = axis + len(x.shape) if axis < 0 else axis
    first = second = 1
    for size in x.shape[:axis]:
        first *= size
    for size in x.shape[axis:]:
        second *= size
    return viewed(run, x, (first, second))


@operator("Squeeze")
def squeezed(run: Running, node: Node, x: Traced, axes: Traced | None = None) -> Traced:
    """Squeeze."""
    gone = axes_of(node, axes.array if axes is not None else None, len(x.shape))
    if not gone:
        was = (run.fixed or {}).get(x.label, x.shape)
        gone = [axis for axis, size in enumerate(was) if size == 1]
    if any(x.shape[axis] != 1 for axis in gone):
        raise MisfitError(f"axis {gone} of {list(x.shape)} is squeezed, but it is the batch axis or longer than 1")
    return viewed(run, x, [size for axis, size in enumerate(x.shape) if axis not in gone])


@operator("Unsqueeze")
def unsqueeze(run: Running, node: Node, x: Traced, axes: Traced | None = None) -> Traced:
    """Unsqueeze."""
    given = axes.array.numbers if axes is not None and axes.array is not None else node.attributes.get("axes")
    if given is None:
        raise UnreadError("at computed axes")
    return viewed(run, x, unsqueezed(x.shape, given))


@operator("Transpose")
def transposed(run: Running, node: Node, x: Traced) -> Traced:
    """Transpose."""
    order = node.attributes.get("perm") or list(reversed(range(len(x.shape))))
    if sorted(order) != list(range(len(x.shape))):
        raise MisfitError(f"{order} is not a permutation of {len(x.shape)} axes")
    if x.source == PARAMETER and len(order) == 2 and order == [1, 0] and not x.claimed:
        return run.turned(x)
    return run.call("permute", [x, order], [x.shape[axis] for axis in order])


@operator("Expand")
def expanded(run: Running, node: Node, x: Traced, wanted: Traced) -> Traced:
    """Expand."""
    if wanted.array is None:
        raise UnreadError("to computed sizes")
    shape = (
        list(broadcast(x.shape, wanted.array.numbers)) if run.fixed is None else _grown(run, x, wanted.array.numbers)
    )
    return x if tuple(shape) == x.shape else run.call("expand", [x, shape], shape)


def _grown(run: Running, x: Traced, wanted: list[int]) -> list[int]:
    """Sizes with the file's fixed batch replaced by this run's."""
    rank = max(len(wanted), len(x.shape))
    was = [1] * (rank - len(wanted)) + wanted
    now = [1] * (rank - len(x.shape)) + list(x.shape)
    return [size if size != 1 and (other == 1 or other != size) else other for size, other in zip(now, was)]


@operator("Roll")
def rolled(run: Running, node: Node, x: Traced) -> Traced:
    """A roll, as joining/ fuses its two parts."""
    return run.call("roll", [x, [node.attributes["shift"]], [node.attributes["axis"]]], x.shape)


@operator("Tile")
def tiled(run: Running, node: Node, x: Traced, times: Traced) -> Traced:
    """Tile."""
    if times.array is None or len(times.array.numbers) != len(x.shape):
        raise UnreadError("with computed repeats")
    counts = times.array.numbers
    shape = [size * count for size, count in zip(x.shape, counts)]
    return x if set(counts) == {1} else run.call("repeat", [x, counts], shape)


@operator("Concat")
def joined(run: Running, node: Node, *all: Traced) -> Traced:
    """Concat."""
    rank = len(all[0].shape)
    axis = node.attributes.get("axis", 0)
    if not -rank <= axis < rank or any(len(one.shape) != rank for one in all):
        raise MisfitError(f"along axis {axis} of {' and '.join(str(list(one.shape)) for one in all[:4])}")
    axis %= rank
    shape = list(broadcast(*((*one.shape[:axis], 1, *one.shape[axis + 1 :]) for one in all)))
    shape[axis] = sum(one.shape[axis] for one in all)
    return all[0] if len(all) == 1 else run.call("cat", [list(all), axis], shape)


@operator("Split")
def parts(run: Running, node: Node, x: Traced, given: Traced | None = None) -> list[Traced]:
    """Split."""
    axis = node.attributes.get("axis", 0) % len(x.shape)
    count = len(node.outputs)
    if node.attributes.get("num_outputs", count) != count:
        raise MisfitError(f"{node.attributes['num_outputs']} parts for {count} outputs")
    sizes = given.array.numbers if given is not None and given.array is not None else node.attributes.get("split")
    if given is not None and given.array is None:
        raise UnreadError("into computed sizes")
    if not sizes:
        part = -(-x.shape[axis] // count)
        sizes = [part] * (count - 1) + [x.shape[axis] - part * (count - 1)]
    if len(sizes) != count or sum(sizes) != x.shape[axis] or min(sizes) < 1:
        raise MisfitError(f"{x.shape[axis]} in parts of {sizes}")
    shapes = [(*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in sizes]
    return run.calls("split", [x, sizes, axis], shapes)


@operator("Pad")
def padded(
    run: Running,
    node: Node,
    x: Traced,
    pads: Traced | None = None,
    value: Traced | None = None,
    axes: Traced | None = None,
) -> Traced:
    """Pad; negative padding crops."""
    if pads is not None and pads.array is None:
        raise UnreadError("with computed padding")
    sides = pads.array.numbers if pads is not None and pads.array is not None else node.attributes.get("pads", [])
    rank = len(x.shape)
    where = (
        [axis % rank for axis in axes.array.numbers]
        if axes is not None and axes.array is not None
        else list(range(rank))
    )
    if len(sides) != 2 * len(where):
        raise MisfitError(f"{len(sides)} sides of {len(where)} axes")
    before, after = [0] * rank, [0] * rank
    for index, axis in enumerate(where):
        before[axis], after[axis] = sides[index], sides[index + len(where)]
    shape = [size + low + high for size, low, high in zip(x.shape, before, after)]
    if min(shape, default=1) < 1:
        raise MisfitError(f"{list(x.shape)} becomes {shape}")
    parts = [slice(max(0, -low), size - max(0, -high)) for size, low, high in zip(x.shape, before, after)]
    cut = [len(range(*part.indices(size))) for part, size in zip(parts, x.shape)]
    if tuple(cut) != x.shape:
        x = run.call("getitem", [x, parts], cut)
    pairs = [max(0, side) for low, high in zip(reversed(before), reversed(after)) for side in (low, high)]
    if not any(pairs):
        return x
    mode = {"edge": "replicate", "wrap": "circular"}.get(
        node.attributes.get("mode") or "constant", node.attributes.get("mode") or "constant"
    )
    filled = (
        value.array.numbers[0] if value is not None and value.array is not None else node.attributes.get("value", 0)
    )
    return run.call("pad", [x, pairs, mode, filled or None], shape)


@operator("ConstantOfShape")
def filled(run: Running, node: Node, shape: Traced) -> Traced:
    """A tensor filled with one value."""
    if shape.array is None:
        raise UnreadError("of computed sizes")
    value = node.attributes.get("value")
    number = (value.numbers or [0])[0] if isinstance(value, Tensor) else 0.0
    made = Traced(CONSTANT, shape.array.numbers, value.kind if isinstance(value, Tensor) else "float")
    made.look = lambda: number
    return made


@operator("Range")
def counted(run: Running, node: Node, start: Traced, end: Traced, step: Traced) -> Traced:
    """Range."""
    arrays = [one.array for one in (start, end, step)]
    if any(one is None for one in arrays):
        raise UnreadError("with computed limits")
    first, last, by = (one.numbers[0] for one in arrays if one is not None)
    return Traced(CONSTANT, (max(0, -int(-(last - first) // by)),), start.kind)
