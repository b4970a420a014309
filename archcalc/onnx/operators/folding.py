"""Folds operators on known constants, e.g. sizes and axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, prod
from typing import Any

from archcalc.onnx.model import MOST_KNOWN, Node, Tensor
from archcalc.onnx.numbers import EACH, LARGEST, Array, MisfitError, combined, joined, ordered, taken
from archcalc.tracing.calls import INPUT, PARAMETER


def folded(node: Node, inputs: Sequence[Any], opset: int) -> Array | None:
    """The result of a node on known constants; None if an input is unknown or the operator is not foldable."""
    if node.domain or len(node.outputs) != 1:
        return None
    if node.op in ("Shape", "Size"):
        return _shape(node, inputs[0].shape)
    if node.op == "Constant":
        return _constant(node)
    if any(one is not None and (one.array is None or one.source in (INPUT, PARAMETER)) for one in inputs):
        return None
    arrays = [None if one is None else one.array for one in inputs]
    if node.op in EACH and arrays and all(one is not None for one in arrays):
        return combined(EACH[node.op], *(one for one in arrays if one is not None))
    function = _FOLDED.get(node.op)
    return function(node, *arrays) if function is not None else None


def _shape(node: Node, shape: tuple[int, ...]) -> Array:
    if node.op == "Size":
        return Array((), [prod(shape)])
    kept = shape[slice(node.attributes.get("start", 0), node.attributes.get("end"))]
    return Array((len(kept),), list(kept))


def _constant(node: Node) -> Array | None:
    attributes = node.attributes
    value = attributes.get("value")
    if isinstance(value, Tensor):
        return None if value.numbers is None else Array(value.shape, value.numbers)
    for key in ("value_int", "value_float"):
        if key in attributes:
            return Array((), [attributes[key]])
    for key in ("value_ints", "value_floats"):
        if key in attributes:
            return Array((len(attributes[key]),), list(attributes[key]))
    return None


def axes_of(node: Node, array: Array | None, rank: int) -> list[int]:
    """A node's axes, from an input or an attribute. Raises `MisfitError` for an axis that does not exist."""
    axes = array.numbers if array is not None else node.attributes.get("axes", [])
    if any(not -rank <= axis < rank for axis in axes):
        raise MisfitError(f"there is no axis {axes} of {rank}")
    return [axis % rank for axis in axes]


def _gather(node: Node, data: Array, indices: Array) -> Array | None:
    width = data.shape[node.attributes.get("axis", 0) % len(data.shape)]
    if len(indices.numbers) * (len(data.numbers) // width if width else 0) > MOST_KNOWN:
        return None
    return taken(data, node.attributes.get("axis", 0) % len(data.shape), indices.numbers, indices.shape)


def _slice(node: Node, data: Array, *rest: Array | None) -> Array:
    for axis, part in parts_of(node, list(rest), data.shape):
        at = range(*part.indices(data.shape[axis]))
        data = taken(data, axis, at, (len(at),))
    return data


def parts_of(node: Node, rest: Sequence[Array | None], shape: Sequence[int]) -> list[tuple[int, slice]]:
    """The range that a `Slice` takes of each of its axes."""
    given = [None if one is None else one.numbers for one in rest] + [None] * 4
    attributes = node.attributes
    starts = given[0] if given[0] is not None else attributes["starts"]
    ends = given[1] if given[1] is not None else attributes["ends"]
    axes = given[2] if given[2] is not None else attributes.get("axes", range(len(starts)))
    steps = given[3] or [1] * len(starts)
    found = []
    for start, end, axis, step in zip(starts, ends, axes, steps):
        size = shape[axis]
        stop: int | None = end
        if step < 0 and end < -size:
            stop = None
        found.append((axis % len(shape), slice(start, stop, step)))
    return found


def _concat(node: Node, *arrays: Array) -> Array | None:
    if sum(len(one.numbers) for one in arrays) > MOST_KNOWN:  # a few nodes that each double a list would fill memory
        return None
    return joined(arrays, node.attributes.get("axis", 0) % len(arrays[0].shape))


def _unsqueeze(node: Node, data: Array, axes: Array | None = None) -> Array:
    given = axes.numbers if axes is not None else node.attributes.get("axes", [])
    return Array(unsqueezed(data.shape, given), data.numbers)


def unsqueezed(shape: Sequence[int], axes: Sequence[int]) -> tuple[int, ...]:
    """Sizes with axes of size 1 inserted."""
    rank = len(shape) + len(axes)
    new = {axis % rank for axis in axes}
    rest = iter(shape)
    return tuple(1 if axis in new else next(rest) for axis in range(rank))


def _squeeze(node: Node, data: Array, axes: Array | None = None) -> Array:
    gone = axes_of(node, axes, len(data.shape)) or [axis for axis, size in enumerate(data.shape) if size == 1]
    return Array([size for axis, size in enumerate(data.shape) if axis not in gone], data.numbers)


def _reshape(node: Node, data: Array, wanted: Array) -> Array:
    sizes = [data.shape[axis] if size == 0 else size for axis, size in enumerate(wanted.numbers)]
    if -1 in sizes:
        rest = prod(size for size in sizes if size != -1)
        sizes[sizes.index(-1)] = len(data.numbers) // rest if rest else 0
    if prod(sizes) != len(data.numbers):
        raise MisfitError(f"{list(data.shape)} does not have as many elements as {sizes}")
    return Array(sizes, data.numbers)


def _filled(node: Node, shape: Array) -> Array | None:
    value = node.attributes.get("value")
    number = (value.numbers or [0])[0] if isinstance(value, Tensor) else 0.0
    count = prod(shape.numbers)
    return Array(shape.numbers, [number] * count) if 0 <= count <= MOST_KNOWN else None


def _range(node: Node, start: Array, end: Array, step: Array) -> Array | None:
    first, last, by = start.numbers[0], end.numbers[0], step.numbers[0]
    if not by or (last - first) / by > MOST_KNOWN:
        return None
    count = max(0, ceil((last - first) / by))  # as ONNX has it; adding up would not end where `by` is rounded away
    return Array((count,), [first + at * by for at in range(count)])


def _cast(node: Node, data: Array) -> Array:
    kind = node.attributes.get("to", 1)
    if kind == 9:
        return Array(data.shape, [bool(one) for one in data.numbers])
    if kind in (1, 10, 11, 16):
        return Array(data.shape, [float(one) for one in data.numbers])
    return Array(data.shape, [int(one) for one in data.numbers])


def _transpose(node: Node, data: Array) -> Array:
    order = node.attributes.get("perm") or list(reversed(range(len(data.shape))))
    return ordered(data, order)


def _expand(node: Node, data: Array, shape: Array) -> Array | None:
    return (
        combined(lambda x, _: x, data, Array(shape.numbers, [0] * prod(shape.numbers)))
        if (0 <= prod(shape.numbers) <= MOST_KNOWN)
        else None
    )


def _product(node: Node, data: Array, axes: Array | None = None) -> Array | None:
    if len(data.shape) > 1:
        return None
    found = prod(data.numbers)
    if isinstance(found, int) and abs(found) > LARGEST:
        return None
    return Array((1,) if node.attributes.get("keepdims", 1) else (), [found])


_FOLDED: dict[str, Callable[..., Array | None]] = {
    "Gather": _gather, "Slice": _slice, "Concat": _concat, "Unsqueeze": _unsqueeze, "Squeeze": _squeeze,
    "Reshape": _reshape, "ConstantOfShape": _filled, "Range": _range, "Cast": _cast, "Transpose": _transpose,
    "Expand": _expand, "ReduceProd": _product,
}  # fmt: skip
