"""Norms."""

from __future__ import annotations

from typing import Any

from archcalc.onnx.model import Node
from archcalc.onnx.operators.registry import UnreadError, operator
from archcalc.onnx.running import Running
from archcalc.onnx.traced import Traced
from archcalc.tracing.calls import CONSTANT


def _epsilon(node: Node, default: float = 1e-5) -> float:
    return float(f"{node.attributes.get('epsilon', default):.7g}")


def _affine(run: Running, scale: Traced | None, bias: Traced | None) -> list[Traced | None]:
    """Scale and shift as weights; None for a constant scale of ones and shift of zeros."""
    plain = [one is None or one.source == CONSTANT for one in (scale, bias)]
    if all(plain) and (scale is None or scale.number() == 1) and (bias is None or bias.number() == 0):
        return [None, None]
    return run.learned(scale, bias)


@operator("BatchNormalization")
def batch(run: Running, node: Node, x: Traced, scale: Traced, bias: Traced, mean: Traced, var: Traced) -> Traced:
    """BatchNormalization at inference."""
    weight, shift = _affine(run, scale, bias)
    args: list[Any] = [x, run.buffer(mean), run.buffer(var), weight, shift, False, 0.1, _epsilon(node)]
    return run.call("batch_norm", args, x.shape)


@operator("InstanceNormalization")
def instance(run: Running, node: Node, x: Traced, scale: Traced, bias: Traced) -> Traced:
    """InstanceNormalization."""
    weight, shift = _affine(run, scale, bias)
    return run.call("instance_norm", [x, None, None, weight, shift, True, 0.1, _epsilon(node)], x.shape)


@operator("GroupNormalization GroupNorm")
def group(run: Running, node: Node, x: Traced, scale: Traced | None = None, bias: Traced | None = None) -> Traced:
    """GroupNormalization; before opset 21 it had one scale for each group."""
    groups = node.attributes["num_groups"]
    if scale is not None and scale.count() != x.shape[1]:
        raise UnreadError("with one scale per group")
    weight, shift = _affine(run, scale, bias)
    for one in (weight, shift):
        if one is not None:
            one.shape = one.sizes = (x.shape[1],)
    return run.call("group_norm", [x, groups, weight, shift, _epsilon(node)], x.shape)


@operator("LayerNormalization")
def layer(run: Running, node: Node, x: Traced, scale: Traced | None = None, bias: Traced | None = None) -> Traced:
    """LayerNormalization over the last axes."""
    if len([name for name in node.outputs if name]) > 1:
        raise UnreadError("with its mean as an output")
    axis = node.attributes.get("axis", -1) % len(x.shape)
    weight, shift = _affine(run, scale, bias)
    return run.call("layer_norm", [x, list(x.shape[axis:]), weight, shift, _epsilon(node)], x.shape)


@operator("LayerNormalization", "com.microsoft")
def contributed(run: Running, node: Node, *inputs: Traced) -> Traced:
    """The same in onnxruntime's domain."""
    return layer(run, node, *inputs)


@operator("SkipLayerNormalization", "com.microsoft")
def after_sum(
    run: Running, node: Node, x: Traced, skip: Traced, scale: Traced, beta: Any = None, bias: Any = None
) -> list[Traced]:
    """A sum and its norm; the sum is also an output."""
    added = run.call("add", [x, skip], x.shape)
    if bias is not None:
        added = run.call("add", [added, bias], x.shape)
    weight, shift = run.learned(scale, beta)
    made = run.call("layer_norm", [added, [x.shape[-1]], weight, shift, _epsilon(node, 1e-12)], x.shape)
    return [made, made, made, added][: max(1, len(node.outputs))]


@operator("RMSNormalization SimplifiedLayerNormalization")
def root_mean_square(run: Running, node: Node, x: Traced, scale: Traced | None = None) -> Traced:
    """RMSNormalization over the last axis."""
    axis = node.attributes.get("axis", -1) % len(x.shape)
    (weight,) = run.learned(scale)
    return run.call("rms_norm", [x, list(x.shape[axis:]), weight, _epsilon(node)], x.shape)


@operator("SimplifiedLayerNormalization", "com.microsoft")
def simplified(run: Running, node: Node, x: Traced, scale: Traced) -> Traced:
    """The same under onnxruntime's name."""
    return root_mean_square(run, node, x, scale)


@operator("LRN")
def neighbours(run: Running, node: Node, x: Traced) -> Traced:
    """Local response norm."""
    attributes = node.attributes
    numbers = [
        float(f"{attributes.get(key, default):.7g}")
        for key, default in (("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0))
    ]
    return run.call("local_response_norm", [x, attributes["size"], *numbers], x.shape)


@operator("LpNormalization Normalize")
def length(run: Running, node: Node, x: Traced) -> Traced:
    """Normalises vectors to length 1."""
    return run.call(
        "normalize", [x, node.attributes.get("p", 2), node.attributes.get("axis", -1), _epsilon(node, 1e-12)], x.shape
    )


@operator("MeanVarianceNormalization")
def standardised(run: Running, node: Node, x: Traced) -> Traced:
    """Also normalises over the batch, which no layer does."""
    return run.call(node.op, [x], x.shape)
