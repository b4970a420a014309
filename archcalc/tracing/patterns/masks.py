"""Data-dependent masks added to attention scores, such as padding: hidden scores are too low to have any weight."""

from __future__ import annotations

from typing import Any

from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.operations.comparing import COMPARISONS, FAR, seen


def hiding(out: Out) -> bool:
    """Whether a tensor is 0 where scores are kept, and far below any score where they are hidden."""
    while out.node.op in ("reshape", "expand", "identity"):
        out = out.node.inputs[0]
    return out.node.op == "scale" and out.node.keys["factor"] <= FAR and _is_truth(out.node.inputs[0])


def _is_truth(out: Out) -> bool:
    """Whether a tensor is 0 or 1 everywhere."""
    node = out.node
    if node.op in ("reshape", "expand", "max", "min", "mul", "maximum", "identity"):
        return all(_is_truth(one) for one in node.inputs)
    if node.op == "offset":
        return (
            bool(node.keys["number"] == 1)
            and node.inputs[0].node.op == "neg"
            and _is_truth(node.inputs[0].node.inputs[0])
        )
    if node.op == "opaque":  # of token ids
        return node.keys["what"] in COMPARISONS
    if node.op in ("gather", "pad"):
        return _is_truth(node.inputs[0])
    if node.op == "constant":
        return node.keys.get("value") in (0, 1)
    return node.op in ("relu", "abs") and node.inputs[0].node.op == "sign"


def shown(graph: Graph, hidden: Out, queries: int, keys: int) -> Out | None:
    """What `mask=` reads, along the keys or along queries and keys; None for a mask of another layout."""
    made: list[Node] = []

    def put(op: str, x: Out, keys: dict[str, Any]) -> Out:
        made.append(Node(op, x.sizes, x.node.scope, [x], keys))
        return Out(made[-1])

    found = seen(hidden, put)
    if found is None:
        return None
    found = _lowest(found, keys)
    wanted = next((sizes for sizes in ((keys,), (queries, keys)) if _along(found.sizes, sizes)), None)
    if wanted is None:
        return None
    there = (node for node in graph.nodes if node.op == "reshape" and node.inputs == [found] and node.sizes == wanted)
    if found.sizes != wanted and (same := next(there, None)) is not None:
        found = Out(same)
    elif found.sizes != wanted:
        made.append(Node("reshape", wanted, found.node.scope, [found], {"shape": wanted}))
        found = Out(made[-1])
    if made:
        at = max(graph.nodes.index(out.node) for node in made for out in node.inputs if out.node in graph.nodes)
        graph.nodes[at + 1 : at + 1] = made
    return found


def _lowest(out: Out, keys: int) -> Out:
    """A mask before it was broadcast to all queries and heads."""
    found = out
    while out.node.op in ("reshape", "expand") and out.sizes[-1] == out.node.inputs[0].sizes[-1] == keys:
        out = out.node.inputs[0]
        if _along(out.sizes, (keys,)):
            found = out
    return found


def _along(sizes: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a tensor ends with these sizes, and has size 1 along all axes before."""
    return sizes[-len(wanted) :] == wanted and all(size == 1 for size in sizes[: -len(wanted)])
