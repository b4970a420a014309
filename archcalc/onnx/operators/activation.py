"""Activations and other element-wise functions."""

from __future__ import annotations

from typing import Any

from archcalc.onnx.model import Node, kind_of
from archcalc.onnx.operators.registry import UnreadError, operator
from archcalc.onnx.running import Running
from archcalc.onnx.traced import Traced, number

# Operators with an equivalent call, and those without one, which keep their shape.
_PLAIN = {
    "Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "HardSwish": "hardswish", "Mish": "mish", "Softsign": "softsign",
    "Exp": "exp", "Neg": "neg", "Abs": "abs", "Sqrt": "sqrt", "Log": "log", "Sin": "sin", "Cos": "cos", "Floor": "floor",
    "Sign": "sign", "Reciprocal": "reciprocal", "Swish": "silu", "Silu": "silu", "Rsqrt": "rsqrt",
}  # fmt: skip
_OTHER = "Erf Ceil Round Tan Asin Acos Atan Sinh Cosh Asinh Acosh Atanh ThresholdedRelu Shrink BitwiseNot"


@operator(" ".join(_PLAIN))
def plain(run: Running, node: Node, x: Traced) -> Traced:
    """An element-wise function."""
    if node.attributes.get("alpha", 1.0) != 1.0:
        raise UnreadError("with a scaled input")
    return run.call(_PLAIN[node.op], [x], x.shape)


@operator(_OTHER)
def other(run: Running, node: Node, x: Traced) -> Traced:
    """An element-wise function without a layer."""
    return run.call(node.op, [x], x.shape)


@operator("IsNaN IsInf Not")
def truth(run: Running, node: Node, x: Traced, *rest: Any) -> Traced:
    """True or false for each element."""
    return run.call(node.op, [x], x.shape, kind="truth")


@operator("Gelu")
def gelu(run: Running, node: Node, x: Traced) -> Traced:
    """GELU; ONNX has both forms since opset 20."""
    return run.call("gelu", [x], x.shape, {"approximate": node.attributes.get("approximate") or "none"})


@operator("FastGelu Gelu BiasGelu QuickGelu", "com.microsoft")
def fused_gelu(run: Running, node: Node, x: Traced, bias: Traced | None = None) -> Traced:
    """GELU as onnxruntime fuses it, with the bias of the layer before."""
    if bias is not None:
        x = run.call("add", [x, bias], x.shape)
    if node.op == "QuickGelu":
        gate = run.call("mul", [x, node.attributes.get("alpha", 1.702)], x.shape)
        return run.call("mul", [x, run.call("sigmoid", [gate], x.shape)], x.shape)
    return run.call("gelu", [x], x.shape, {"approximate": "tanh" if node.op == "FastGelu" else "none"})


@operator("LeakyRelu")
def leaky(run: Running, node: Node, x: Traced) -> Traced:
    """Leaky ReLU."""
    return run.call("leaky_relu", [x, _rounded(node.attributes.get("alpha", 0.01))], x.shape)


@operator("Elu Celu")
def elu(run: Running, node: Node, x: Traced) -> Traced:
    """ELU and CELU."""
    return run.call(node.op.lower(), [x, _rounded(node.attributes.get("alpha", 1.0))], x.shape)


@operator("Selu")
def selu(run: Running, node: Node, x: Traced) -> Traced:
    """SELU."""
    return run.call("selu", [x], x.shape)


@operator("HardSigmoid")
def hard_sigmoid(run: Running, node: Node, x: Traced) -> Traced:
    """PyTorch's has the slope 1/6; any other slope is a product, a sum and two bounds."""
    alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
    if abs(alpha - 1 / 6) < 1e-6 and beta == 0.5:
        return run.call("hardsigmoid", [x], x.shape)
    scaled = run.call("mul", [x, _rounded(alpha)], x.shape)
    return run.call("hardtanh", [run.call("add", [scaled, _rounded(beta)], x.shape), 0, 1], x.shape)


@operator("Softplus")
def softplus(run: Running, node: Node, x: Traced) -> Traced:
    """Softplus."""
    return run.call("softplus", [x], x.shape)


@operator("PRelu")
def prelu(run: Running, node: Node, x: Traced, slope: Traced) -> Traced:
    """PReLU with one slope, or one per channel."""
    (weight,) = run.learned(slope)
    assert weight is not None
    long = [size for size in weight.shape if size != 1]
    if len(long) > 1 or (long and (len(x.shape) < 2 or long[0] != x.shape[1])):
        raise UnreadError("with a slope per position")
    weight.shape = weight.sizes = (long[0] if long else 1,)
    return run.call("prelu", [x, weight], x.shape)


@operator("Clip")
def clip(run: Running, node: Node, x: Traced, low: Traced | None = None, high: Traced | None = None) -> Traced:
    """Clamps; from 0 to 6 it is ReLU6."""
    bounds: list[Any] = []
    for given, key in ((low, "min"), (high, "max")):
        bound = number(given) if given is not None else node.attributes.get(key)
        if given is not None and bound is None:
            raise UnreadError("with computed bounds")
        bounds.append(None if bound is None or abs(bound) > 1e38 else _rounded(bound))
    if bounds == [0, 6]:
        return run.call("relu6", [x], x.shape)
    if bounds == [None, None]:
        return x
    return run.call("clamp", [x, *bounds], x.shape)


@operator("Softmax LogSoftmax")
def softmax(run: Running, node: Node, x: Traced) -> Traced:
    """Along one axis; before opset 13, over all axes from that one on."""
    rank = len(x.shape)
    old = run.model.opset < 13
    axis = node.attributes.get("axis", 1 if old else -1) % rank
    name = "softmax" if node.op == "Softmax" else "log_softmax"
    if old and axis < rank - 1 and any(size != 1 for size in x.shape[axis + 1 :]):
        raise UnreadError("along several axes")
    return run.call(name, [x, axis], x.shape)


@operator("Dropout")
def dropout(run: Running, node: Node, x: Traced, *rest: Traced | None) -> list[Traced]:
    """Dropout, which does nothing at inference."""
    return [x, run.call("ones_like", [x], x.shape, kind="truth")] if len(node.outputs) > 1 else [x]


@operator("Identity")
def identity(run: Running, node: Node, x: Traced) -> Traced:
    """The same tensor."""
    return x


@operator("Cast CastLike")
def cast(run: Running, node: Node, x: Traced, like: Traced | None = None) -> Traced:
    """Another type."""
    kind = like.kind if like is not None else kind_of(node.attributes.get("to", 1))
    if x.source == "parameter":
        return x
    return run.call("to", [x], x.shape, kind=kind)


def _rounded(value: float) -> float:
    """An fp32 number as it was written: 0.2 for 0.20000000298."""
    return float(f"{value:.7g}")
