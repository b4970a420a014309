"""Reductions along axes."""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.onnx.model import Node
from archcalc.onnx.operators.folding import axes_of
from archcalc.onnx.operators.registry import UnreadError, operator
from archcalc.onnx.running import Running
from archcalc.onnx.traced import Traced, number

_NAMES = {
    "ReduceMean": "mean", "ReduceSum": "sum", "ReduceMax": "amax", "ReduceMin": "amin", "ReduceLogSumExp": "logsumexp",
    "ReduceL2": "norm", "ReduceL1": "norm", "ReduceProd": "ReduceProd", "ReduceLogSum": "ReduceLogSum", "ReduceSumSquare": "sum",
}  # fmt: skip


def kept(shape: Sequence[int], axes: Sequence[int], keep: bool) -> tuple[int, ...]:
    """The shape after the reduction."""
    return tuple(1 if axis in axes else size for axis, size in enumerate(shape) if keep or axis not in axes)


@operator(" ".join(_NAMES))
def reduced(run: Running, node: Node, x: Traced, given: Traced | None = None) -> Traced:
    """ReduceMean and similar operators."""
    if given is not None and given.array is None:
        raise UnreadError("along computed axes")
    axes = axes_of(node, given.array if given is not None else None, len(x.shape))
    if not axes:
        if node.attributes.get("noop_with_empty_axes"):
            return x
        axes = list(range(len(x.shape)))
    keep = bool(node.attributes.get("keepdims", 1))
    shape = kept(x.shape, axes, keep)
    name = _NAMES[node.op]
    if node.op == "ReduceSumSquare":
        x = run.call("square", [x], x.shape)
    if name == "norm":
        return run.call(name, [x, 2 if node.op == "ReduceL2" else 1, axes, keep], shape)
    return run.call(name, [x, axes, keep], shape)


@operator("ArgMax ArgMin")
def place(run: Running, node: Node, x: Traced) -> Traced:
    """The index of the largest element."""
    axis = node.attributes.get("axis", 0) % len(x.shape)
    keep = bool(node.attributes.get("keepdims", 1))
    return run.call(node.op.lower(), [x, axis, keep], kept(x.shape, [axis], keep), kind="whole")


@operator("CumSum")
def cumulative(run: Running, node: Node, x: Traced, axis: Traced) -> Traced:
    """CumSum."""
    where = number(axis)
    if where is None or node.attributes.get("exclusive") or node.attributes.get("reverse"):
        raise UnreadError("with reverse or exclusive")
    return run.call("cumsum", [x, int(where)], x.shape)


@operator("TopK")
def largest(run: Running, node: Node, x: Traced, k: Traced | None = None) -> list[Traced]:
    """TopK."""
    count = number(k) if k is not None else node.attributes.get("k")
    axis = node.attributes.get("axis", -1) % len(x.shape)
    if count is None or not 1 <= count <= x.shape[axis]:
        raise UnreadError("with a computed k")
    shape = (*x.shape[:axis], int(count), *x.shape[axis + 1 :])
    outs = run.calls("topk", [x, int(count), axis, bool(node.attributes.get("largest", 1))], [shape, shape])
    outs[1].kind = "whole"
    return outs
