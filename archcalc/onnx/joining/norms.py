"""Layer norm, group norm, and vectors of length 1."""

from __future__ import annotations

from typing import Any

from archcalc.onnx.joining.graph import Joining
from archcalc.onnx.model import Node, Tensor


def _axes(graph: Joining, node: Node) -> list[int] | None:
    if len(node.inputs) > 1:
        tensor = graph.model.tensors.get(node.inputs[1])
        made = graph.maker(node.inputs[1], "Constant")
        value = made.attributes.get("value") if made is not None else None
        if made is not None and "value_ints" in made.attributes:
            return list(made.attributes["value_ints"])
        tensor = value if isinstance(value, Tensor) else tensor
        return list(tensor.numbers) if tensor is not None and tensor.numbers is not None else None
    return list(node.attributes.get("axes", []))


def layer_norm(graph: Joining, node: Node) -> None:
    """(x - mean) / sqrt(mean((x - mean)²) + eps), with scale and shift if they follow."""
    if node.op != "Div":
        return
    centred, root = graph.maker(node.inputs[0], "Sub"), graph.maker(node.inputs[1], "Sqrt")
    plus = graph.maker(root.inputs[0], "Add") if root is not None else None
    if centred is None or root is None or plus is None:
        return
    mean = graph.maker(centred.inputs[1], "ReduceMean")
    for name, eps in (plus.inputs, plus.inputs[::-1]):
        spread, epsilon = graph.maker(name, "ReduceMean"), graph.number(eps)
        squared = graph.maker(spread.inputs[0]) if spread is not None else None
        if mean is None or spread is None or squared is None or epsilon is None or mean.inputs[0] != centred.inputs[0]:
            continue
        second = graph.maker(squared.inputs[0], "Sub")
        power = squared.op == "Pow" and graph.is_number(squared.inputs[1], 2)
        if not (power or (squared.op == "Mul" and squared.inputs[0] == squared.inputs[1])) or second is None:
            continue
        axes = _axes(graph, mean)
        if second.inputs != centred.inputs or axes is None or axes != _axes(graph, spread) or not axes:
            continue
        if any(axis >= 0 for axis in axes) or sorted(axes) != list(range(-len(axes), 0)):
            continue
        inner = [centred, root, plus, spread, squared, mean, *([second] if second is not centred else [])]
        _scaled(graph, node, inner, "LayerNormalization", [centred.inputs[0]], {"axis": -len(axes), "epsilon": epsilon})
        return


def _scaled(
    graph: Joining, last: Node, inner: list[Node], op: str, inputs: list[str], attributes: dict[str, Any]
) -> None:
    """A norm with the scale and shift by weights that follow it."""
    times = graph.reader(last, "Mul")
    scale = graph.other(times, last.outputs[0]) if times is not None else None
    if (
        times is None
        or scale is None
        or not graph.is_learned(scale)
        or len(graph.model.tensors[scale].shape) != -attributes["axis"]
    ):
        graph.replace(last, inner, op, inputs, attributes)
        return
    plus = graph.reader(times, "Add")
    shift = graph.other(plus, times.outputs[0]) if plus is not None else None
    if plus is not None and shift is not None and graph.is_learned(shift):
        same = graph.model.tensors[shift].shape == graph.model.tensors[scale].shape
        if same and graph.replace(plus, [*inner, last, times], op, [*inputs, scale, shift], attributes):
            return
    if not graph.replace(times, [*inner, last], op, [*inputs, scale], attributes):
        graph.replace(last, inner, op, inputs, attributes)


def group_norm(graph: Joining, node: Node) -> None:
    """Reshaped to [batch, groups, rest], normalised, and back, with scale and shift for each channel."""
    if node.op != "InstanceNormalization":
        return
    before, after = graph.maker(node.inputs[0], "Reshape"), graph.reader(node, "Reshape")
    if before is None or after is None:
        return
    if graph.number(node.inputs[1]) != 1 or graph.number(node.inputs[2]) != 0:
        return
    scale = graph.model.tensors.get(node.inputs[1])
    made = graph.maker(node.inputs[1], "Constant")
    value = made.attributes.get("value") if made is not None else None
    scale = value if isinstance(value, Tensor) else scale
    if scale is None or len(scale.shape) != 1:
        return
    attributes = {"num_groups": scale.shape[0], "epsilon": node.attributes.get("epsilon", 1e-5)}
    times = graph.reader(after, "Mul")
    weight = graph.other(times, after.outputs[0]) if times is not None else None
    plus = graph.reader(times, "Add") if times is not None else None
    shift = graph.other(plus, times.outputs[0]) if plus is not None and times is not None else None
    if (
        plus is not None
        and times is not None
        and weight
        and shift
        and graph.is_learned(weight)
        and graph.is_learned(shift)
    ):
        graph.replace(plus, [before, node, after, times], "GroupNorm", [before.inputs[0], weight, shift], attributes)
    else:
        graph.replace(after, [before, node], "GroupNorm", [before.inputs[0]], attributes)


def unit(graph: Joining, node: Node) -> None:
    """x / max(norm(x), eps): vectors of length 1."""
    if node.op != "Div":
        return
    wide = graph.maker(node.inputs[1])
    inner = []
    if wide is not None and wide.op == "Expand":
        inner.append(wide)
        wide = graph.maker(wide.inputs[0])
    if wide is None or wide.op not in ("Clip", "Max"):
        return
    inner.append(wide)
    norm = graph.maker(wide.inputs[0], "ReduceL2")
    epsilon = graph.number(wide.inputs[1]) if len(wide.inputs) > 1 and wide.inputs[1] else wide.attributes.get("min")
    axes = _axes(graph, norm) if norm is not None else None
    if norm is None or epsilon is None or axes is None or len(axes) != 1 or norm.inputs[0] != node.inputs[0]:
        return
    if norm.attributes.get("keepdims", 1):
        graph.replace(
            node, [*inner, norm], "Normalize", [node.inputs[0]], {"axis": axes[0], "epsilon": epsilon, "p": 2}
        )
