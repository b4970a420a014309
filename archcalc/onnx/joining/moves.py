"""Cyclic shifts along an axis (`roll`)."""

from __future__ import annotations

from archcalc.onnx.joining.graph import Joining
from archcalc.onnx.model import Node

_END = 2**31 - 1


def roll(graph: Joining, node: Node) -> None:
    """A tensor's tail concatenated with its head: a roll."""
    if node.op != "Concat" or len(node.inputs) != 2:
        return
    first, second = (graph.maker(name, "Slice") for name in node.inputs)
    if first is None or second is None or len(first.inputs) not in (4, 5) or len(second.inputs) != len(first.inputs):
        return
    axes = [graph.number(one.inputs[3]) for one in (first, second)]
    steps = [graph.number(one.inputs[4]) if len(one.inputs) > 4 else 1.0 for one in (first, second)]
    start, end = (graph.number(first.inputs[at]) for at in (1, 2))
    begin, cut = (graph.number(second.inputs[at]) for at in (1, 2))
    whole = (
        first.inputs[0] == second.inputs[0] and steps == [1, 1] and begin == 0 and start is not None and start == cut
    )
    if whole and start and end is not None and end >= _END and axes[0] == axes[1] == node.attributes.get("axis"):
        graph.replace(
            node, [first, second], "Roll", [first.inputs[0]], {"axis": int(axes[0] or 0), "shift": -int(start or 0)}
        )
