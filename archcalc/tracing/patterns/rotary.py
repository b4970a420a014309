"""Rotary positions: x · cos + turned(x) · sin, with tables of the angles of each position."""

from __future__ import annotations

import math
from typing import Any

from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.patterns.tables import rows
from archcalc.tracing.patterns.views import replace

# Tolerance: numbers in single precision, of angles as large as the positions.
_NEAR = 2e-3
_MOST_ROWS = 64


def apply(graph: Graph) -> None:
    """Write `rope`, of all features or the first ones."""
    seen: dict[tuple[int, int], tuple[float, bool] | None] = {}
    for node in list(graph.nodes):
        if node.op == "add" and len(node.inputs) == 2:
            for one, other in (node.inputs, node.inputs[::-1]):
                if _rotated(graph, node, one, other, seen):
                    break
    users = graph.users()
    for node in list(graph.nodes):
        if node.op == "concat":
            _first_features(graph, node, users)


def _rotated(graph: Graph, node: Node, straight: Out, turned: Out, seen: dict[Any, Any]) -> bool:
    """Replace a rotation that ends in this sum; returns whether it is one."""
    first, second = _factors(straight), _factors(turned)
    if first is None or second is None:
        return False
    (x, cosines), (back, sines) = first, second
    if not _is_turned(back, x) or cosines.sizes != sines.sizes or x.sizes != node.sizes:
        return False
    axis = _positions(cosines.sizes, x.sizes)
    if axis is None:
        return False
    key = (id(cosines.node.holds), id(sines.node.holds))
    if key not in seen:
        seen[key] = _base(rows(cosines), rows(sines))
    if seen[key] is None:
        return False
    theta, scaled = seen[key]
    if scaled:
        graph.remarks.append("frequencies")
    _replace(graph, node, x, axis, {"theta": theta})
    return True


def _replace(graph: Graph, node: Node, x: Out, axis: int, keys: dict[str, Any]) -> None:
    """Put `rope` in the place of a node; it needs positions before the features."""
    last = len(x.sizes) - 2
    made = Node("rope", x.sizes, node.scope, [x], keys)
    made.place = node.place
    if axis == last:
        replace(graph, node, made)
        return
    swapped = _swapped(x.sizes, axis)
    before = Node("transpose", swapped, node.scope, [x], {"axes": (axis, last)})
    made.sizes, made.inputs = swapped, [Out(before)]
    after = Node("transpose", x.sizes, node.scope, [Out(made)], {"axes": (axis, last)})
    before.place = after.place = node.place
    at = graph.nodes.index(node)
    graph.nodes[at:at] = [before, made]
    replace(graph, node, after)


def _swapped(sizes: tuple[int, ...], axis: int) -> tuple[int, ...]:
    order = list(range(len(sizes)))
    order[axis], order[-2] = order[-2], order[axis]
    return tuple(sizes[one] for one in order)


def _factors(out: Out) -> tuple[Out, Out] | None:
    """The two factors of a product: data and a table."""
    if out.node.op != "mul" or len(out.node.inputs) != 2:
        return None
    for x, table in (out.node.inputs, out.node.inputs[::-1]):
        if table.node.op == "constant" and table.node.holds is not None and x.node.op != "constant":
            return x, table
    return None


def _is_turned(out: Out, x: Out) -> bool:
    """Whether it is the second half of the features negated, before the first half."""
    node = out.node
    last, half = len(x.sizes) - 1, x.sizes[-1] // 2
    if node.op != "concat" or len(node.inputs) != 2 or node.keys["axis"] % len(x.sizes) != last:
        return False
    negated, first = node.inputs
    if negated.node.op != "neg":
        return False
    return _half(negated.node.inputs[0], x, last) == (half, 2 * half) and _half(first, x, last) == (0, half)


def _half(out: Out, x: Out, axis: int) -> tuple[int, int] | None:
    """Which features of x it has: the first, and the end after the last."""
    node = out.node
    if not node.inputs or node.inputs[0] != x or "axis" not in node.keys or node.keys["axis"] % (axis + 1) != axis:
        return None
    size = x.sizes[-1]
    if node.op == "slice" and node.keys.get("step", 1) == 1:
        start, end, _ = slice(node.keys["start"], node.keys.get("end")).indices(size)
        return start, end
    if node.op == "split" and node.keys.get("parts") == 2:
        return (0, size // 2) if out.name == "0" else (size // 2, size)
    return None


def _positions(table: tuple[int, ...], sizes: tuple[int, ...]) -> int | None:
    """The axis of positions: the table's other axis besides the features."""
    wide = (1,) * (len(sizes) - len(table)) + table
    long = [axis for axis, size in enumerate(wide[:-1]) if size > 1]
    if wide[-1] != sizes[-1] or len(long) != 1 or wide[long[0]] != sizes[long[0]] or len(sizes) < 2:
        return None
    return long[0]


def _base(cosines: list[list[float]] | None, sines: list[list[float]] | None) -> tuple[float, bool] | None:
    """The base of the angles, and whether they are also scaled; None if they are not angles of positions."""
    if cosines is None or sines is None or len(cosines) < 2 or len(cosines[0]) < 4 or len(cosines[0]) % 2:
        return None
    half = len(cosines[0]) // 2
    rates = [math.atan2(sines[1][pair], cosines[1][pair]) for pair in range(half)]
    step = max(1, len(cosines) // _MOST_ROWS)
    for position in range(0, len(cosines), step):
        for feature in range(2 * half):
            angle = position * rates[feature % half]
            if (
                abs(cosines[position][feature] - math.cos(angle)) > _NEAR
                or abs(sines[position][feature] - math.sin(angle)) > _NEAR
            ):
                return None
    if abs(rates[0] - 1) > _NEAR or not 0 < rates[1] < 1:
        return None
    theta = float(f"{rates[1] ** -half:.4g}")
    scaled = any(abs(rate - theta ** (-pair / half)) > 1e-3 * rate for pair, rate in enumerate(rates))
    return theta, scaled


def _first_features(graph: Graph, node: Node, users: dict[Out, list[Node]]) -> None:
    """Merge a rotation of the first features and the other features after it into one layer."""
    if len(node.inputs) != 2 or node.keys["axis"] % len(node.sizes) != len(node.sizes) - 1:
        return
    rotated, others = node.inputs
    if len(users.get(rotated, [])) != 1:
        return
    rope, axis = rotated.node, len(node.sizes) - 2
    if rope.op == "transpose" and rope.inputs[0].node.op == "rope":
        rope, axis = rope.inputs[0].node, rope.keys["axes"][0]
    if rope.op != "rope" or "dim" in rope.keys or not others.node.inputs:
        return
    taken = rope.inputs[0] if rope is rotated.node else rope.inputs[0].node.inputs[0]
    x, last = others.node.inputs[0], len(node.sizes) - 1
    size, dim = x.sizes[-1], rope.sizes[-1]
    if _span(taken, x, last) == (0, dim) and _span(others, x, last) == (dim, size):
        _replace(graph, node, x, axis, {"theta": rope.keys["theta"], "dim": dim})


def _span(out: Out, x: Out, axis: int) -> tuple[int, int] | None:
    """The features of x in a slice or a part of a split."""
    node = out.node
    if node.op != "split" or "sizes" not in node.keys:
        return _half(out, x, axis)
    if node.inputs[0] != x or node.keys["axis"] % (axis + 1) != axis:
        return None
    start = sum(node.keys["sizes"][: int(out.name)])
    return start, start + node.keys["sizes"][int(out.name)]
