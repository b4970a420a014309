"""What is added to attention scores: tables and masks, as one table for all heads, or for the heads of each window."""

from __future__ import annotations

from archcalc.records import NamedTuple
from archcalc.tracing.graph import Graph, Node, Out

Sizes = tuple[int, ...]


class Added(NamedTuple):
    """A tensor that depends on no data, and the node that adds it to the scores."""

    out: Out
    node: Node


def same_but_ones(one: Sizes, other: Sizes) -> bool:
    """Whether two shapes differ only in axes of size 1."""
    return _long(one) == _long(other)


def _long(sizes: Sizes) -> list[int]:
    return [size for size in sizes if size != 1]


def table(graph: Graph, added: list[Added], lead: Sizes, scores: Sizes) -> Out | None:
    """The sum of all that is added, as [heads, queries, keys], possibly with axes before; None for another layout."""
    whole = (*lead, *scores)
    shapes = [_laid(one, whole) for one in added]
    if any(shape is None for shape in shapes):
        return None
    each = any(shape[: len(lead)] != (1,) * len(lead) for shape in shapes if shape is not None)
    parts = [
        _shaped(graph, one.out, shape if each else shape[len(lead) :])
        for one, shape in zip(added, shapes)
        if shape is not None
    ][::-1]
    found = parts[0]
    for part in parts[1:]:
        sizes = tuple(max(pair) for pair in zip(found.sizes, part.sizes))
        found = _after(graph, Node("add", sizes, added[0].node.scope, [found, part], {}))
    return _widened(graph, found, whole if each else scores)


def _laid(added: Added, whole: Sizes) -> Sizes | None:
    """The sizes of what is added, along the axes of the scores; None if they do not match."""
    scores = added.node.sizes
    if _long(scores) != _long(whole):
        return None
    own = (1,) * (len(scores) - len(added.out.sizes)) + added.out.sizes
    sizes = iter([mine for mine, size in zip(own, scores) if size != 1])
    return tuple(1 if size == 1 else next(sizes) for size in whole)


def _shaped(graph: Graph, out: Out, sizes: Sizes) -> Out:
    """A tensor reshaped to these sizes, which it may already have."""
    while out.node.op == "reshape" and out.sizes != sizes:
        out = out.node.inputs[0]
    if out.sizes == sizes:
        return out
    return _after(graph, Node("reshape", sizes, out.node.scope, [out], {"shape": sizes}))


def _widened(graph: Graph, out: Out, sizes: Sizes) -> Out:
    """A tensor broadcast to all heads and all queries."""
    if out.sizes == sizes:
        return out
    shape = tuple(-1 if old == new else new for old, new in zip(out.sizes, sizes))
    return _after(graph, Node("expand", sizes, out.node.scope, [out], {"shape": shape}))


def _after(graph: Graph, node: Node) -> Out:
    """A node, placed after all that it reads."""
    at = max(graph.nodes.index(out.node) for out in node.inputs)
    graph.nodes.insert(at + 1, node)
    return Out(node)
