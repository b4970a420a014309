"""Indexing: gather, scatter, slice."""

from __future__ import annotations

from typing import Any

from archcalc.onnx.model import Node
from archcalc.onnx.numbers import MisfitError
from archcalc.onnx.operators.folding import parts_of
from archcalc.onnx.operators.registry import UnreadError, operator
from archcalc.onnx.running import Running
from archcalc.onnx.traced import Traced
from archcalc.tracing.calls import PARAMETER


@operator("Gather")
def gathered(run: Running, node: Node, x: Traced, indices: Traced) -> Traced:
    """Gathers positions of an axis; indexing a weight with data is an embedding."""
    axis = node.attributes.get("axis", 0)
    if not x.shape or not -len(x.shape) <= axis < len(x.shape):
        raise MisfitError(f"along axis {axis} of {list(x.shape)}")
    axis %= len(x.shape)
    shape = (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])
    if x.source == PARAMETER and len(x.shape) == 2 and axis == 0 and indices.of_data:
        (weight,) = run.learned(x)
        return run.call("embedding", [indices, weight], shape, kind="float")
    if indices.array is None and not indices.of_data:
        return run.call("index_select", [x, axis, indices], shape)
    if indices.array is None:
        return run.call(node.op, [x, indices], shape, kind=x.kind)
    numbers = indices.array.numbers
    if not indices.shape:
        if not -x.shape[axis] <= numbers[0] < x.shape[axis]:
            raise MisfitError(f"position {numbers[0]} of {x.shape[axis]}")
        return run.call("select", [x, axis, int(numbers[0])], shape)
    run_of = range(numbers[0], numbers[0] + len(numbers)) if numbers else range(0)
    if len(indices.shape) == 1 and numbers == list(run_of) and run_of.start >= 0 and run_of.stop <= x.shape[axis]:
        parts: list[Any] = [slice(None)] * len(x.shape)
        parts[axis] = slice(run_of.start, run_of.stop)
        return x if len(numbers) == x.shape[axis] else run.call("getitem", [x, parts], shape)
    return run.call("index_select", [x, axis, indices], shape)


@operator("GatherElements")
def by_place(run: Running, node: Node, x: Traced, indices: Traced) -> Traced:
    """GatherElements."""
    return run.call(node.op, [x, indices], indices.shape, kind=x.kind)


@operator("GatherND")
def by_tuple(run: Running, node: Node, x: Traced, indices: Traced) -> Traced:
    """GatherND."""
    lead = node.attributes.get("batch_dims", 0)
    return run.call(node.op, [x, indices], (*indices.shape[:-1], *x.shape[lead + indices.shape[-1] :]), kind=x.kind)


@operator("ScatterND ScatterElements Scatter")
def scattered(run: Running, node: Node, x: Traced, indices: Traced, updates: Traced) -> Traced:
    """Scatters elements."""
    return run.call(node.op, [x, indices, updates], x.shape, kind=x.kind)


@operator("Slice")
def sliced(run: Running, node: Node, x: Traced, *rest: Traced | None) -> Traced:
    """Slices axes."""
    if any(one is not None and one.array is None for one in rest):
        raise UnreadError("at computed positions")
    parts: list[Any] = [slice(None)] * len(x.shape)
    turned = []
    for axis, part in parts_of(node, [None if one is None else one.array for one in rest], x.shape):
        if part.step < 0:
            if len(range(*part.indices(x.shape[axis]))) != x.shape[axis]:
                raise UnreadError("with a negative step")
            turned.append(axis)
        else:
            parts[axis] = part
    shape = [len(range(*part.indices(size))) for part, size in zip(parts, x.shape)]
    if turned:
        x = run.call("flip", [x, turned], x.shape)
    return x if tuple(shape) == x.shape else run.call("getitem", [x, parts], shape)


@operator("Trilu")
def triangle(run: Running, node: Node, x: Traced, k: Traced | None = None) -> Traced:
    """The upper or lower triangular part."""
    return run.call("tril" if x.source != PARAMETER and not x.of_data else node.op, [x], x.shape)


@operator("OneHot")
def one_hot(run: Running, node: Node, indices: Traced, depth: Traced, values: Traced) -> Traced:
    """A one-hot vector per index."""
    if depth.array is None:
        raise UnreadError("of a computed length")
    axis = node.attributes.get("axis", -1) % (len(indices.shape) + 1)
    shape = (*indices.shape[:axis], int(depth.array.numbers[0]), *indices.shape[axis:])
    return run.call(node.op, [indices], shape, kind="float")


@operator("EyeLike RandomNormalLike RandomUniformLike Bernoulli")
def alike(run: Running, node: Node, x: Traced) -> Traced:
    """A new tensor of the same shape."""
    return run.call(node.op, [x], x.shape)
