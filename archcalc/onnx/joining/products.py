"""Linear layers with their biases, and NaN guards around a softmax."""

from __future__ import annotations

from archcalc.onnx.joining.graph import Joining
from archcalc.onnx.model import Node


def linear(graph: Joining, node: Node) -> None:
    """A product with a weight and the bias added to it."""
    if node.op != "Add" or len(node.inputs) != 2:
        return
    for name, bias in (node.inputs, node.inputs[::-1]):
        made = graph.maker(name, "MatMul")
        weight = graph.model.tensors.get(made.inputs[1]) if made is not None else None
        shift = graph.model.tensors.get(bias)
        if made is None or weight is None or shift is None or len(weight.shape) != 2:
            continue
        if shift.shape == weight.shape[1:]:
            graph.replace(node, [made], "Linear", [made.inputs[0], made.inputs[1], bias], {})
            return


def guard(graph: Joining, node: Node) -> None:
    """Replaces NaN by 0 after a softmax: a guard for fully masked rows."""
    if node.op != "Where" or len(node.inputs) != 3:
        return
    asked = graph.maker(node.inputs[0], "IsNaN")
    if asked is not None and asked.inputs[0] == node.inputs[2] and graph.number(node.inputs[1]) == 0:
        graph.replace(node, [asked], "Identity", [node.inputs[2]], {})
