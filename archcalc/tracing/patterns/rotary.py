"""Rotary positions: x · cos + turned(x) · sin, with tables of the angles of each position.

Pairs of features may lie in other ways than in `rope`, and be rotated in the other direction. The node then records how
they lie in its input and its output (`taken`, `given`), until `turning.py` writes that as layers of their own.
"""

from __future__ import annotations

import math
from typing import Any

from archcalc.records import NamedTuple
from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.patterns.pairs import (
    HALVES,
    NEIGHBOURS,
    SWAPPED,
    Part,
    joined,
    part,
    span_of,
    stacked,
    turned,
    turned_back,
)
from archcalc.tracing.patterns.tables import rows
from archcalc.tracing.patterns.views import redirect, replace

# Tolerance: numbers in single precision, computed from angles as large as the positions.
_NEAR = 2e-3
_MOST_ROWS = 64

Rows = list[list[float]]


class _Rotation(NamedTuple):
    """What is rotated, its sizes, how pairs lie before and after, the axis of positions, the tables, and their angles."""

    base: Out
    sizes: tuple[int, ...]
    taken: str
    given: str
    axis: int
    tables: tuple[Out, ...]
    theta: float
    is_scaled: bool


# A table, and the sign with which it multiplies.
Signed = tuple[Out, int]


class _Tables:
    """The numbers of tables, and the angles that they come from; each is computed once."""

    def __init__(self) -> None:
        self.read: dict[int, Rows | None] = {}
        self.found: dict[Any, tuple[float, bool] | None] = {}

    def rows(self, table: Signed, order: str = "") -> Rows | None:
        """Some rows of a table, one number for each pair: of a table of all features, whose pairs lie in that order."""
        key = id(table[0].node.holds)
        if key not in self.read:
            found = rows(table[0])
            self.read[key] = found[:2] + found[2 :: max(1, len(found) // _MOST_ROWS)] if found else None
        found = self.read[key]
        if found is None or not order:
            return found and [[table[1] * number for number in row] for row in found]
        both = [_both(row, order) for row in found]
        return None if any(one != other for one, other in both) else [one for one, _ in both]

    def same(self, one: Signed, other: Signed) -> bool:
        """Whether two tables hold the same numbers."""
        return one == other or ((found := self.rows(one)) is not None and found == self.rows(other))

    def angles(self, cosines: Signed, sines: Signed, order: str = "") -> tuple[float, bool] | None:
        """The base of the angles of two tables, and whether they are also scaled."""
        key = (id(cosines[0].node.holds), id(sines[0].node.holds), sines[1], order)
        if key not in self.found:
            count = next((size for size in cosines[0].sizes if size > 1), 1)
            positions = [0, 1, *range(2, count, max(1, count // _MOST_ROWS))]
            self.found[key] = _base(self.rows(cosines, order), self.rows(sines, order), positions)
        return self.found[key]


def _both(row: list[float], order: str) -> tuple[list[float], list[float]]:
    half = len(row) // 2
    return (row[:half], row[half:]) if order == HALVES else (row[0::2], row[1::2])


def apply(graph: Graph) -> None:
    """Write `rope`, of all features or the first ones."""
    tables = _Tables()
    for node in list(graph.nodes):
        if node.op == "add":
            found = _in_one(node, tables)
        else:
            found = _in_two(joined(node) if node.op == "concat" else None, tables)
        if found is None and node.op == "concat" and (found := _in_two(stacked(node), tables)) is not None:
            node = _flat(graph, node)
        if found is None:
            continue
        if found.is_scaled:
            graph.remarks.append("frequencies")
        graph.tables.update({table.node.holds: None for table in found.tables if table.node.holds is not None})
        keys: dict[str, Any] = {"theta": found.theta}
        if (found.taken, found.given) != (HALVES, HALVES):
            keys |= {"taken": found.taken, "given": found.given}
        _replace(graph, node, _made(graph, node, found), found.axis, keys)
    users = graph.users()
    for node in list(graph.nodes):
        if node.op == "concat":
            _first_features(graph, node, users)


def _made(graph: Graph, node: Node, found: _Rotation) -> Out:
    """What is rotated, with an axis for its features."""
    if found.base.sizes == found.sizes:
        return found.base
    view = Node("reshape", found.sizes, node.scope, [found.base], {"shape": found.sizes})
    view.place = node.place
    graph.nodes.insert(graph.nodes.index(node), view)
    return Out(view)


def _flat(graph: Graph, stack: Node) -> Node:
    """Pairs side by side, put behind a stack of their two features; its readers read that."""
    sizes = (*stack.sizes[:-2], 2 * stack.sizes[-2])
    made = Node("reshape", sizes, stack.scope, [Out(stack)], {"shape": sizes})
    apart = Node("reshape", stack.sizes, stack.scope, [Out(made)], {"shape": stack.sizes})
    made.place = apart.place = stack.place
    at = graph.nodes.index(stack) + 1
    readers = graph.users().get(Out(stack), [])
    graph.nodes[at:at] = [made, apart]
    redirect(graph, Out(stack), Out(apart))
    made.inputs, apart.inputs = [Out(stack)], [Out(made)]
    for node in readers:
        if node.op in ("reshape", "flatten"):
            node.op, node.keys, node.inputs = "reshape", {"shape": node.sizes}, [Out(made)]
            if node.sizes == sizes:
                redirect(graph, Out(node), Out(made))
    return made


def _in_one(node: Node, tables: _Tables) -> _Rotation | None:
    """A rotation of all features at once: a sum with the turned features."""
    if len(node.inputs) != 2:
        return None
    for one, other in (node.inputs, node.inputs[::-1]):
        first, second = _factors(one), _factors(other)
        if first is None or second is None:
            continue
        (x, cosines), (back, sines) = first, second
        order = turned(back, x) if cosines.sizes == sines.sizes and x.sizes == node.sizes else None
        axis = _positions(cosines.sizes, x.sizes) if order is not None else None
        if order is None or axis is None:
            continue
        angles = tables.angles((cosines, 1), (sines, 1), HALVES if order in (HALVES, SWAPPED) else NEIGHBOURS)
        if angles is not None:
            return _Rotation(x, x.sizes, order, order, axis, (cosines, sines), *angles)
    return None


def _in_two(ends: tuple[Out, Out, str] | None, tables: _Tables) -> _Rotation | None:
    """A rotation of the first and of the second features of all pairs by themselves, which are then joined."""
    first, second = (_terms(ends[0]), _terms(ends[1])) if ends is not None else (None, None)
    if ends is None or first is None or second is None:
        return None
    parts = [one for one, _, _ in (*first, *second)]
    if [one.which for one in parts] != [0, 1, 0, 1] or len({(one.base, one.sizes, one.order) for one in parts}) > 1:
        return None
    (_, cosines, plus), (_, back, one_way), (_, sines, other_way), (_, again, also) = (*first, *second)
    found = parts[0]
    sizes = (*found.sizes[:-1], found.sizes[-1] // 2)
    axis = _positions(cosines.sizes, sizes)
    if plus != 1 or also != 1 or axis is None or len({one.sizes for one in (cosines, back, sines, again)}) > 1:
        return None
    if not tables.same((cosines, 1), (again, 1)) or not tables.same((back, -one_way), (sines, other_way)):
        return None
    angles, taken, given = tables.angles((cosines, 1), (sines, other_way)), found.order, ends[2]
    if angles is None:
        angles = tables.angles((cosines, 1), (sines, -other_way))
        taken, given = turned_back(taken), turned_back(given)
    return None if angles is None else _Rotation(found.base, found.sizes, taken, given, axis, (cosines, sines), *angles)


def _terms(out: Out) -> list[tuple[Part, Out, int]] | None:
    """The two products of a sum or difference, that with the pairs' first features first: a part, a table, and a sign."""
    node = out.node
    if node.op not in ("add", "sub") or len(node.inputs) != 2 or out.name:
        return None
    found = []
    for place, one in enumerate(node.inputs):
        factors = _factors(one)
        if factors is None:
            return None
        x, table = factors
        sign = -1 if node.op == "sub" and place else 1
        if x.node.op == "neg":
            x, sign = x.node.inputs[0], -sign
        taken = part(x)
        if taken is None:
            return None
        found.append((taken, table, sign))
    return sorted(found, key=lambda one: one[0].which)


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


def _positions(table: tuple[int, ...], sizes: tuple[int, ...]) -> int | None:
    """The axis of positions: the table's other axis besides the features."""
    wide = (1,) * (len(sizes) - len(table)) + table
    long = [axis for axis, size in enumerate(wide[:-1]) if size > 1]
    if wide[-1] != sizes[-1] or len(long) != 1 or wide[long[0]] != sizes[long[0]] or len(sizes) < 2:
        return None
    return long[0]


def _base(cosines: Rows | None, sines: Rows | None, positions: list[int]) -> tuple[float, bool] | None:
    """The base of the angles, and whether they are also scaled; None if they are not angles of positions."""
    if cosines is None or sines is None or len(cosines) < 2 or len(cosines[0]) < 2:
        return None
    rates = [math.atan2(sine, cosine) for cosine, sine in zip(cosines[1], sines[1])]
    for position, cosine, sine in zip(positions, cosines, sines):
        for pair, rate in enumerate(rates):
            angle = position * rate
            if abs(cosine[pair] - math.cos(angle)) > _NEAR or abs(sine[pair] - math.sin(angle)) > _NEAR:
                return None
    if abs(rates[0] - 1) > _NEAR or not 0 < rates[1] < 1:
        return None
    theta = float(f"{rates[1] ** -len(rates):.4g}")
    scaled = any(abs(rate - theta ** (-pair / len(rates))) > 1e-3 * rate for pair, rate in enumerate(rates))
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
    if rope.op != "rope" or "dim" in rope.keys or "taken" in rope.keys or not others.node.inputs:
        return
    taken = rope.inputs[0] if rope is rotated.node else rope.inputs[0].node.inputs[0]
    x, last = others.node.inputs[0], len(node.sizes) - 1
    size, dim = x.sizes[-1], rope.sizes[-1]
    if span_of(taken, x, last) == (0, dim) and span_of(others, x, last) == (dim, size):
        _replace(graph, node, x, axis, {"theta": rope.keys["theta"], "dim": dim})
