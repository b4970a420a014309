"""What depends on the paths through a graph: its depth, and receptive fields.

Both are computed on the folded graph: a group of n equal copies is visited twice, which shows how much each further
copy adds.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

from archcalc.layers.entries import End, Entries, Stacked
from archcalc.layers.field import ITSELF, Field, copied, whole
from archcalc.layers.tensor import Alias, Tensor
from archcalc.network.along import Along, mixes, through
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph

Value = Any
Rule = Callable[[Node, "list[Value]"], Value]
Grow = Callable[[Value, Value, int], Value]


def propagate(
    nodes: list[Node],
    values: MutableMapping[int, Value],
    rule: Rule,
    grow: Grow,
    state: Value = None,
    later: bool = False,
) -> None:
    """Compute a value for every tensor of `nodes`; `values` maps the id of a tensor to its value.

    Args:
        rule: the value of a layer's output, given its node and its inputs' values.
        grow: the value after n copies, given those after one and after two.
        state: the value of a scan's states, if not that of their initial values.
        later: what is inside of copies, and what they start from, has the value of the second copy, not of the first.
    """
    for node, before in zip(nodes, [None, *nodes]):
        if not node.copies > 1:
            _through(node, values, rule, grow, state, later)
            continue
        # Neither pass sees the other's values: inner copies start anew in the second.
        first: dict[int, Value] = {}
        second: dict[int, Value] = {}
        again = ChainMap(second, values)
        through_first = ChainMap(first, values)
        _through(node, through_first, rule, grow, state, later)
        once = through_first[id(node.exit)]  # copies without layers return an existing tensor
        entry = running(node, before)
        if entry is not None:
            again[id(entry)] = once
        _through(node, again, rule, grow, state, later)
        values.update(second if later else first)
        values[id(node.output)] = grow(once, again[id(node.exit)], node.copies)


def _through(node: Node, values: MutableMapping[int, Value], rule: Rule, grow: Grow, state: Value, later: bool) -> None:
    if node.listed and state is not None:
        values.update((id(one), state) for one in node.states.values())
    enter_copies(node, values)
    if node.layer is not None and node.children:
        _enter(node, values)
    propagate(node.children, values, rule, grow, state, later)
    values.update((id(every), values.get(id(one))) for one, every in node.listed)
    if node.layer is not None:
        value = rule(node, [values.get(id(tensor)) for tensor in node.inputs])
        for tensor in (node.exit, *(node.exit.outputs or {}).values()):
            values[id(tensor)] = value
    elif node.unfolded:
        values[id(node.output)] = values[id(node.children[-1].output)]


def running(node: Node, before: Node | None) -> Tensor | None:
    """The input of a repeated node that is another tensor in each copy; `before` is the node before it."""
    for tensor in node.inputs:
        if isinstance(tensor, Alias) or (before is not None and tensor is before.output):
            return tensor
    return None


def enter_copies(node: Node, values: MutableMapping[int, Value]) -> None:
    """The first of several copies starts from the output of the layer before, each from the states before it."""
    for state in node.states.values():
        if id(state.origin) in values:
            values.setdefault(id(state), values[id(state.origin)])
    entry = node.inputs[0] if node.inputs else None
    if isinstance(entry, Alias):
        for alias in (entry, *(entry.outputs or {}).values()):
            if isinstance(alias, Alias) and id(alias.origin) in values:
                values.setdefault(id(alias), values[id(alias.origin)])


def _enter(node: Node, values: MutableMapping[int, Value]) -> None:
    """An expert starts from a tensor of its own, one position of the layer's input."""
    for child in node.children:
        if child.op == "expert":
            values[id(child.inputs[0])] = values.get(id(node.inputs[0]))


def depth(graph: Graph) -> int:
    """The number of layers with weights on the longest path from an input to an output."""
    values: dict[int, Value] = {id(tensor): 0 for tensor in graph.inputs.values()}

    def rule(node: Node, inputs: list[Value]) -> int:
        assert node.layer is not None
        return max((value for value in inputs if value is not None), default=0) + int(node.layer.depth)

    propagate(graph.nodes, values, rule, lambda once, twice, copies: once + (copies - 1) * (twice - once))
    return max((values.get(id(tensor), 0) or 0 for tensor in graph.outputs.values()), default=0)


EVERYTHING, NOTHING, UNKNOWN = "everything", "nothing", "unknown"
# Used during propagation: positions are lost, but all elements of the tensor together see everything.
_SCATTERED = "scattered"


def fields(graph: Graph) -> dict[int, Value]:
    """The receptive field of each tensor's elements: id of the tensor -> field.

    A field is a tuple with a `Field` for each axis of positions, `EVERYTHING`, `NOTHING` (of learned tensors), `UNKNOWN`,
    or None where positions no longer lie on the input's grid.
    """
    values: dict[int, Value] = {id(tensor): (ITSELF,) * len(tensor.positions) for tensor in graph.inputs.values()}
    inputs = list(graph.inputs.values())
    # With several inputs, it is not known which one an axis belongs to.
    sizes = [int(inputs[0].shape[axis]) for axis in _grid(inputs[0], graph)] if len(inputs) == 1 else None
    taken = _taken_apart(graph)
    before: dict[int, Value] = {}  # of what goes into loops, by the node that takes it apart

    def rule(node: Node, seen: list[Value]) -> Value:
        layer = node.layer
        if isinstance(layer, Entries):
            before[id(node)] = seen[0]
            if isinstance(seen[0], tuple):
                return layer.seen(seen[0], node.exit, node.inputs[0], inputs[0].shape if sizes else ())
        if isinstance(layer, Stacked) and isinstance(seen[0], tuple):
            return _whole(_stacked(node, layer, seen[0], [before[one] for one in taken[id(node)]]), sizes)
        value = _whole(_seen(node, seen, sizes), sizes)
        # A vector of all positions sees everything, but its single elements may not: that shows once it is split again.
        vector = value == EVERYTHING and layer is not None and layer.reorders and node.exit.rank == 1
        return Along([-1]) if vector and EVERYTHING not in seen else value

    def grow(once: Value, twice: Value, copies: int) -> Value:
        if not isinstance(once, tuple) or not isinstance(twice, tuple) or len(once) != len(twice):
            return twice
        return _all(copied(one, two, copies) for one, two in zip(once, twice))

    propagate(graph.nodes, values, rule, grow, EVERYTHING)
    tensors = (one for node, _, _ in walk(graph.nodes) for one in (node.exit, node.output))
    vectors = {id(one) for one in tensors if one.rank == 1}

    def told(tensor: int, seen: Value) -> Value:
        if isinstance(seen, Along):
            return EVERYTHING if seen and tensor in vectors else None
        return None if seen == _SCATTERED else seen

    return {tensor: told(tensor, seen) for tensor, seen in values.items()}


def _grid(x: Tensor, graph: Graph) -> tuple[int, ...]:
    """The axes of positions of an input; if only the reader of its entries tells them, those."""
    apart = (node.exit for node, _, _ in walk(graph.nodes) if isinstance(node.layer, Entries))
    entry = next((one for one in apart if one.layout is not None and one.rank < x.rank), None)
    if x.layout is not None or x.integer or entry is None:
        return x.positions
    return tuple(axis for axis in range(x.rank) if axis - x.rank != entry.feature_axis - entry.rank)


def _taken_apart(graph: Graph) -> dict[int, list[int]]:
    """For each node that stacks the outputs of a loop, the nodes that take apart what the loop iterates over."""
    loops = [node.children for node, _, _ in walk(graph.nodes)]
    ends = [([id(one) for one in inside if isinstance(one.layer, Entries)], inside) for inside in loops]
    return {id(one): apart for apart, inside in ends for one in inside if isinstance(one.layer, Stacked)}


def _stacked(node: Node, layer: Stacked, seen: tuple[Field, ...], before: list[Value]) -> tuple[Field, ...] | None:
    """The fields of the stacked entries of a loop: along their axis, those from before the loop."""
    axis: Field | None = None
    for one in before:
        if isinstance(one, tuple):
            axis = one[0] if axis is None else axis.beside(one[0])
            if axis is None:
                return None
    return None if axis is None else layer.seen(seen, node.exit, node.inputs[0], axis)


def _all(axes: Iterable[Field | None]) -> tuple[Field, ...] | None:
    """The fields of all axes, or None if one of them is unknown."""
    found = tuple(axes)
    return None if None in found else found  # type: ignore[return-value]


def _is_constant(seen: tuple[Field, ...]) -> bool:
    """Whether all elements see the same, whatever later layers do to them."""
    return bool(seen) and all(axis.is_constant for axis in seen)


def _whole(seen: Value, sizes: list[int] | None) -> Value:
    """`EVERYTHING` if every axis is covered; else each covered axis is the whole input, without borders."""
    if not isinstance(seen, tuple) or not seen:
        return seen
    if sizes is None:
        return EVERYTHING if _is_constant(seen) else seen
    if len(sizes) != len(seen):
        return seen
    covered = [axis.covers(size) for axis, size in zip(seen, sizes)]
    if all(covered):
        return EVERYTHING
    return tuple(whole(size) if covers else axis for axis, size, covers in zip(seen, sizes, covered))


def _seen(node: Node, inputs: list[Value], sizes: list[int] | None) -> Value:
    """What a layer's output sees, from what its inputs see."""
    assert node.layer is not None
    if node.layer.declared or UNKNOWN in inputs:
        return UNKNOWN
    read = {id(one) for one in node.layer.sources(*node.inputs)}
    known = [value for one, value in zip(node.inputs, inputs) if id(one) in read and value != NOTHING]
    if not known:
        return NOTHING
    if EVERYTHING in known:
        return EVERYTHING
    if None in known:
        return None
    lost = any(isinstance(one, Along) for one in known) or (node.layer.reorders and not _in_place(node))
    if not isinstance(node.layer, End) and (lost or node.layer.letters(*node.inputs) is not None):
        rows = [
            (at, axes)
            for at, (one, value) in enumerate(zip(node.inputs, inputs))
            if id(one) in read and value != NOTHING and (axes := _rows(value, one, sizes)) is not None
        ]
        if len(rows) == len(known) and any(axes for _, axes in rows):
            if mixes(node, rows):
                return EVERYTHING
            if kept := through(node, rows):
                return kept
    known = [_SCATTERED if isinstance(one, Along) else one for one in known]
    if _SCATTERED in known:
        return _of_scattered(node)
    merged = known[0]
    for value in known[1:]:
        merged = _together(merged, value, sizes)
        if merged is None:
            return None
    if _is_constant(merged):
        return merged
    windows = node.layer.field(node.exit, node.inputs[0])
    if windows is None:
        return _SCATTERED if node.layer.reorders and _spans(merged, node.inputs[0], sizes) else None
    if not windows and node.inputs[0].rank == 1:  # inside an expert, the output of one position
        return merged
    # Axes whose elements all see the same may have been removed; the others are still there, in order.
    left = [index for index, axis in enumerate(merged) if len(windows) == len(merged) or not axis.is_constant]
    if len(left) != len(windows):
        return None
    found = list(merged)
    for index, window in zip(left, windows):
        found[index] = window.after(merged[index])
    return _all(found)


def _in_place(node: Node) -> bool:
    """Whether each position of the output is the same as in the input, e.g. if only features are reordered."""
    assert node.layer is not None
    windows = node.layer.field(node.exit, node.inputs[0])
    return bool(windows) and all(one is ITSELF for one in windows or ())


def _rows(seen: Value, x: Tensor, sizes: list[int] | None) -> Along | None:
    """The axes along which everything is seen; None if not even all elements together see everything."""
    if isinstance(seen, Along):
        return seen
    if seen == _SCATTERED:
        return Along()
    if sizes is None or not isinstance(seen, tuple) or not _spans(seen, x, sizes):
        return None
    return Along([x.positions[0] - x.rank] if len(seen) == 1 else [])


def _of_scattered(node: Node) -> Value:
    """The field of a tensor without positions: everything, for channels that are made of all positions and for vectors."""
    assert node.layer is not None
    x, y = node.inputs[0], node.exit
    if node.layer.computes_nothing and (y.parts or y.numel < x.numel):
        return None  # the elements that are left need not see everything
    if y.rank == 1:
        return Along([-1])
    windows = node.layer.field(node.exit, node.inputs[0]) if not isinstance(node.layer, End) else None
    if windows is None:
        return _SCATTERED if node.layer.reorders else None
    if windows and all(window.is_constant for window in windows):
        if {*range(x.rank)} <= {*x.positions, *node.layer.mixes(x)}:
            return EVERYTHING
        return Along(axis - y.rank for axis in range(y.rank) if axis not in y.positions)  # each channel sees its own
    sizes = [int(x.shape[axis]) for axis in x.positions]
    return _SCATTERED if _spans(tuple(windows), y, sizes) else None


def _spans(seen: tuple[Field, ...], x: Tensor, sizes: list[int] | None) -> bool:
    """Whether all elements of `x` together see everything: each axis from the first position to the last, without gaps."""
    if sizes is None:
        return True
    if not len(seen) == len(sizes) == len(x.positions):
        return False
    for axis, size, position in zip(seen, sizes, x.positions):
        first, last = axis.at(0), axis.at(int(x.shape[position]) - 1)
        if first is None or last is None or first[0] > 0 or last[1] < size - 1 or axis.size < axis.step:
            return False
    return True


def _together(some: tuple[Field, ...], others: tuple[Field, ...], sizes: list[int] | None) -> tuple[Field, ...] | None:
    """The fields of a tensor that combines both."""
    if len(some) != len(others):
        return None

    def both(index: int, one: Field, other: Field) -> Field | None:
        if one.is_constant == other.is_constant:
            return one.beside(other)
        wide = one if one.is_constant else other
        covers = sizes is None or (len(sizes) == len(some) and wide.covers(sizes[index]))
        return wide if covers else None

    return _all(both(index, one, other) for index, (one, other) in enumerate(zip(some, others)))
