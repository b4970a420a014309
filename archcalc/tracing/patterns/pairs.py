"""Pairs of features that rotary positions rotate, and the ways in which code splits and joins them.

Pairs are the first half of the features with the second half, or neighbours; either of the two may come first.
"""

from __future__ import annotations

from archcalc.records import NamedTuple
from archcalc.tracing.graph import Node, Out

# Which features form a pair: as in `rope`, with the halves swapped, neighbours, neighbours swapped.
HALVES, SWAPPED, NEIGHBOURS, NEIGHBOURS_SWAPPED = "halves", "swapped", "neighbours", "neighbours swapped"
_BACK = {HALVES: SWAPPED, NEIGHBOURS: NEIGHBOURS_SWAPPED}


class Part(NamedTuple):
    """One feature of each pair of a tensor: the tensor before a view and the sizes of that view, how pairs lie, which one."""

    base: Out
    sizes: tuple[int, ...]
    order: str
    which: int


def order_of(word: str, size: int) -> list[int]:
    """The features in the order that `rope` expects: the first of each pair, then the second."""
    half = size // 2
    beside = word in (NEIGHBOURS, NEIGHBOURS_SWAPPED)
    first, second = (range(0, size, 2), range(1, size, 2)) if beside else (range(half), range(half, size))
    return [*second, *first] if word in _BACK.values() else [*first, *second]


def turned_back(word: str) -> str:
    """The order for which a rotation in the other direction equals one by `rope`."""
    return _BACK[word]


def part(out: Out) -> Part | None:
    """Which part of the pairs of a tensor this is."""
    node = out.node
    if not node.inputs:
        return None
    source, axis = node.inputs[0], len(node.inputs[0].sizes) - 1
    if node.op == "select" and axis and node.keys["axis"] % (axis + 1) == axis and source.sizes[-1] == 2:
        sizes = (*source.sizes[:-2], 2 * source.sizes[-2])
        base = source.node.inputs[0] if source.node.op == "reshape" else source
        return Part(base, sizes, NEIGHBOURS, node.keys["index"] % 2)
    if node.op == "slice" and node.keys.get("step", 1) == 2 and node.keys["axis"] % (axis + 1) == axis:
        start, end, _ = slice(node.keys["start"], node.keys.get("end")).indices(source.sizes[-1])
        whole = start in (0, 1) and end == source.sizes[-1] and not end % 2
        return Part(*_viewed(source), NEIGHBOURS, start) if whole else None
    span, half = span_of(out, source, axis), source.sizes[-1] // 2
    if span not in ((0, half), (half, 2 * half)) or 2 * half != source.sizes[-1]:
        return None
    return Part(*_viewed(source), HALVES, int(span[0] > 0))


def _viewed(x: Out) -> tuple[Out, tuple[int, ...]]:
    return (x.node.inputs[0] if x.node.op == "reshape" else x), x.sizes


def is_of(found: Part, x: Out) -> bool:
    """Whether it is a part of this tensor."""
    return (found.base, found.sizes) in ((x, x.sizes), _viewed(x))


def joined(node: Node) -> tuple[Out, Out, str] | None:
    """Two tensors that a node joins into one with pairs of features, and how the pairs lie."""
    last = len(node.sizes) - 1
    if node.op == "concat" and len(node.inputs) == 2 and node.keys["axis"] % (last + 1) == last:
        first, second = node.inputs
        return (first, second, HALVES) if first.sizes == second.sizes else None
    if node.op not in ("flatten", "reshape"):
        return None
    sizes = node.inputs[0].sizes
    return stacked(node.inputs[0].node) if node.sizes == (*sizes[:-2], 2 * sizes[-2]) else None


def stacked(node: Node) -> tuple[Out, Out, str] | None:
    """Two tensors that a node puts beside each other along an axis of their own, the last."""
    last = len(node.sizes) - 1
    if node.op != "concat" or len(node.inputs) != 2 or node.keys["axis"] != last or node.sizes[-1] != 2:
        return None
    first, second = (_without_one(one) for one in node.inputs)
    return None if first is None or second is None else (first, second, NEIGHBOURS)


def _without_one(out: Out) -> Out | None:
    """A tensor before an axis of size 1 was put behind its others."""
    if out.node.op != "reshape" or out.sizes[-1] != 1:
        return None
    source = out.node.inputs[0]
    return source if source.sizes == out.sizes[:-1] else None


def turned(out: Out, x: Out) -> str | None:
    """How pairs lie if this is `x` with each pair (a, b) as (−b, a), or as (b, −a); None if it is not."""
    ends = joined(out.node)
    if ends is None or out.name:
        return None
    first, second, order = ends
    is_first = first.node.op == "neg"
    if is_first == (second.node.op == "neg"):
        return None
    parts = [part(one.node.inputs[0] if one.node.op == "neg" else one) for one in (first, second)]
    for wanted, found in zip((1, 0), parts):
        if found is None or found.which != wanted or found.order != order or not is_of(found, x):
            return None
    return order if is_first else turned_back(order)


def span_of(out: Out, x: Out, axis: int) -> tuple[int, int] | None:
    """The first feature of x in a slice or a part of a split, and the end after the last."""
    node = out.node
    if not node.inputs or node.inputs[0] != x or "axis" not in node.keys or node.keys["axis"] % (axis + 1) != axis:
        return None
    size = x.sizes[-1]
    if node.op == "slice" and node.keys.get("step", 1) == 1:
        start, end, _ = slice(node.keys["start"], node.keys.get("end")).indices(size)
        return start, end
    if node.op != "split":
        return None
    lengths = node.keys.get("sizes") or (size // node.keys["parts"],) * node.keys["parts"]
    start = sum(lengths[: int(out.name)])
    return start, start + lengths[int(out.name)]
