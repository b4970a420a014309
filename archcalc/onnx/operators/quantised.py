"""Quantised graphs: a quantised weight is an ordinary weight, and rounding of activations only changes values."""

from __future__ import annotations

from typing import Any

from archcalc.onnx.model import Node
from archcalc.onnx.operators.convolution import convolution
from archcalc.onnx.operators.products import product
from archcalc.onnx.operators.registry import UnreadError, operator
from archcalc.onnx.running import Running
from archcalc.onnx.traced import Traced
from archcalc.tracing.calls import CONSTANT, PARAMETER


@operator("QuantizeLinear")
def quantised(run: Running, node: Node, x: Traced, *rest: Any) -> Traced:
    """Rounding, which no layer does."""
    run.note("quantised tensors")
    return x


quantised_too = operator("QuantizeLinear", "com.microsoft")(quantised)


@operator("DequantizeLinear")
def restored(run: Running, node: Node, x: Traced, *rest: Any) -> Traced:
    """The weight for an initialiser; otherwise the tensor before rounding."""
    return _weight(run, x)


restored_too = operator("DequantizeLinear", "com.microsoft")(restored)


def _weight(run: Running, x: Traced) -> Traced:
    if x.source == CONSTANT and x.name and x.call is None and x.count() > 1:
        return Traced(PARAMETER, x.shape, "float", x.label)
    return x


@operator("DynamicQuantizeLinear")
def measured(run: Running, node: Node, x: Traced) -> list[Traced]:
    """Rounding with scales computed from the tensor."""
    run.note("quantised tensors")
    return [x, *(run.call("quantised scale", [], (), kind="float") for _ in node.outputs[1:])]


@operator("QLinearConv")
def conv(run: Running, node: Node, *operands: Any) -> Traced:
    """A quantised convolution: image and filters, each with scale and zero point, those of the answer, a bias or none."""
    run.note("quantised tensors")
    x, _, _, weight, _, _, _, _, bias, *_ = (*operands, None)
    return convolution(run, node, x, _weight(run, weight), None if bias is None else _weight(run, bias))


@operator("ConvInteger")
def whole_conv(run: Running, node: Node, x: Traced, w: Traced, *rest: Any) -> Traced:
    """An integer convolution."""
    return convolution(run, node, x, _weight(run, w), None)


@operator("QLinearMatMul")
def matmul(run: Running, node: Node, a: Traced, a_s: Any, az: Any, b: Traced, *rest: Any) -> Traced:
    """A quantised matrix product."""
    run.note("quantised tensors")
    return product(run, node, a, _weight(run, b))


@operator("MatMulInteger")
def whole_matmul(run: Running, node: Node, a: Traced, b: Traced, *rest: Any) -> Traced:
    """An integer matrix product."""
    return product(run, node, a, _weight(run, b))


@operator("QLinearAdd QLinearMul", "com.microsoft")
def two(run: Running, node: Node, a: Traced, a_s: Any, az: Any, b: Traced, *rest: Any) -> Traced:
    """A quantised sum or product."""
    if a.shape != b.shape:
        raise UnreadError("of different sizes")
    return run.call("add" if node.op == "QLinearAdd" else "mul", [a, _weight(run, b)], a.shape)
