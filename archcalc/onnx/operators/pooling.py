"""Pooling."""

from __future__ import annotations

import math

from archcalc.onnx.model import Node
from archcalc.onnx.numbers import MisfitError
from archcalc.onnx.operators.convolution import Window, bordered
from archcalc.onnx.operators.registry import UnreadError, operator
from archcalc.onnx.running import Running
from archcalc.onnx.traced import Traced


@operator("MaxPool AveragePool")
def pooled(run: Running, node: Node, x: Traced) -> Traced:
    """MaxPool and AveragePool."""
    if len([name for name in node.outputs if name]) > 1:
        raise UnreadError("with the indices of the maxima")
    attributes = node.attributes
    space = x.shape[2:]
    window = Window(node, space, attributes["kernel_shape"])
    ceil = bool(attributes.get("ceil_mode", 0))
    counts = bool(attributes.get("count_include_pad", 0))
    shape = (*x.shape[:2], *window.out(space, ceil))
    largest = node.op == "MaxPool"
    if not largest and any(step != 1 for step in window.dilation):
        raise UnreadError("with a dilation")
    if not window.is_even and not largest and not counts:
        raise UnreadError("with asymmetric padding that is not counted")
    words = largest and window.auto == "SAME_UPPER" and not window.is_even
    if not words:
        x = bordered(run, x, window, -math.inf if largest else 0)
    axes = len(space)
    if not 1 <= axes <= 3:
        raise MisfitError(f"over {axes} axes")
    if largest:
        args = [x, window.kernel, window.stride, "same_upper" if words else window.before, window.dilation, ceil]
        return run.call(f"max_pool{axes}d", args, shape)
    return run.call(f"avg_pool{axes}d", [x, window.kernel, window.stride, window.before, ceil, counts], shape)


@operator("GlobalAveragePool GlobalMaxPool")
def whole(run: Running, node: Node, x: Traced) -> Traced:
    """Global pooling."""
    axes = len(x.shape) - 2
    shape = (*x.shape[:2], *(1,) * axes)
    if not 1 <= axes <= 3:
        raise MisfitError(f"over {axes} axes")
    kind = "avg" if node.op == "GlobalAveragePool" else "max"
    return run.call(f"adaptive_{kind}_pool{axes}d", [x, [1] * axes], shape)
