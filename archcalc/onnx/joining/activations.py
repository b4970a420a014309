"""GELU, SiLU, Mish, and hard variants."""

from __future__ import annotations

from archcalc.onnx.joining.graph import Joining
from archcalc.onnx.model import Node


def gelu(graph: Joining, node: Node) -> None:
    """x · ½ · (1 + erf(x / √2)), in any order of its factors."""
    if node.op != "Erf":
        return
    scaled = graph.maker(node.inputs[0])
    x = None
    if scaled is not None and scaled.op == "Div" and graph.is_number(scaled.inputs[1], 2**0.5):
        x = scaled.inputs[0]
    elif scaled is not None and scaled.op == "Mul":
        x = graph.with_number(scaled, 0.5**0.5)
    if x is None or scaled is None:
        return
    plus = graph.reader(node, "Add")
    if graph.with_number(plus, 1.0) is None or plus is None:
        return
    _halves(graph, x, plus, [scaled, node], "none")


def tanh_gelu(graph: Joining, node: Node) -> None:
    """x · ½ · (1 + tanh(√(2/π) · (x + 0.044715 x³)))."""
    if node.op != "Tanh":
        return
    inner = [node]
    outer = graph.maker(node.inputs[0], "Mul")
    total = graph.with_number(outer, 0.7978845608)
    added = graph.maker(total or "", "Add")
    plus = graph.reader(node, "Add")
    if outer is None or added is None or plus is None or graph.with_number(plus, 1.0) is None:
        return
    inner += [outer, added]
    for x, cubic in (added.inputs, added.inputs[::-1]):
        nodes: list[Node] = []
        found = _is_cubic(graph, cubic, x, nodes)
        if found:
            _halves(graph, x, plus, [*inner, *nodes], "tanh")
            return


def _is_cubic(graph: Joining, name: str, x: str, nodes: list[Node]) -> bool:
    """Whether it is 0.044715 x³; appends the nodes involved to `nodes`."""
    count, factor, left = 0, 1.0, [name]
    for _ in range(8):
        if not left:
            break
        one = left.pop()
        if one == x:
            count += 1
            continue
        number = graph.number(one)
        if number is not None:
            factor *= number
            continue
        node = graph.maker(one)
        if node is None:
            return False
        nodes.append(node)
        if node.op == "Pow" and node.inputs[0] == x and graph.is_number(node.inputs[1], 3):
            count += 3
        elif node.op == "Mul":
            left += node.inputs
        else:
            return False
    return not left and count == 3 and abs(factor - 0.044715) < 1e-5


def _halves(graph: Joining, x: str, plus: Node, inner: list[Node], kind: str) -> None:
    """Matches from (1 + …) on: multiplied by x and one half, in either order."""
    times = [reader for reader in graph.readers.get(plus.outputs[0], ()) if reader.op == "Mul"]
    for first in times:
        other = graph.other(first, plus.outputs[0])
        if other == x:
            last = graph.reader(first, "Mul")
            if last is not None and graph.with_number(last, 0.5) is not None:
                graph.replace(last, [*inner, plus, first], "Gelu", [x], {"approximate": kind})
                return
        elif other is not None and graph.is_number(other, 0.5):
            last = graph.reader(first, "Mul")
            if last is not None and graph.other(last, first.outputs[0]) == x:
                graph.replace(last, [*inner, plus, first], "Gelu", [x], {"approximate": kind})
                return
        elif other is not None:
            half = graph.maker(other, "Mul")
            if half is not None and graph.with_number(half, 0.5) == x:
                graph.replace(first, [*inner, plus, half], "Gelu", [x], {"approximate": kind})
                return


def gated(graph: Joining, node: Node) -> None:
    """x · sigmoid(x), x · hardsigmoid(x), x · tanh(softplus(x))."""
    if node.op != "Mul" or len(node.inputs) != 2:
        return
    for x, gate in (node.inputs, node.inputs[::-1]):
        made = graph.maker(gate)
        if made is None:
            continue
        if made.op == "Sigmoid" and made.inputs[0] == x:
            graph.replace(node, [made], "Silu", [x], {})
        elif made.op == "HardSigmoid" and made.inputs[0] == x and abs(made.attributes.get("alpha", 0.2) - 1 / 6) < 1e-6:
            graph.replace(node, [made], "HardSwish", [x], {})
        elif (
            made.op == "Tanh" and (soft := graph.maker(made.inputs[0], "Softplus")) is not None and soft.inputs[0] == x
        ):
            graph.replace(node, [made, soft], "Mish", [x], {})
        else:
            continue
        return


def bounded(graph: Joining, node: Node) -> None:
    """x · clip(x + 3, 0, 6) / 6 is a hard swish; without x it is a hard sigmoid."""
    if node.op != "Div" or not graph.is_number(node.inputs[1], 6):
        return
    first = graph.maker(node.inputs[0])
    inner = [first] if first is not None else []
    if first is not None and first.op == "Mul":
        for x, name in (first.inputs, first.inputs[::-1]):
            clip = graph.maker(name, "Clip")
            plus = graph.maker(clip.inputs[0], "Add") if clip is not None else None
            if clip is not None and plus is not None and graph.with_number(plus, 3) == x and _is_six(graph, clip):
                graph.replace(node, [*inner, clip, plus], "HardSwish", [x], {})
                return
    elif first is not None and first.op == "Clip" and _is_six(graph, first):
        plus = graph.maker(first.inputs[0], "Add")
        moved = graph.with_number(plus, 3)
        if plus is not None and moved is not None:
            graph.replace(node, [first, plus], "HardSigmoid", [moved], {"alpha": 1 / 6, "beta": 0.5})


def _is_six(graph: Joining, clip: Node) -> bool:
    if len(clip.inputs) == 3:
        return graph.is_number(clip.inputs[1], 0) and graph.is_number(clip.inputs[2], 6)
    return clip.attributes.get("min") == 0 and clip.attributes.get("max") == 6
