"""Rotations of pairs that lie in other ways than in `rope`: their features are put into its order, and back afterwards."""

from __future__ import annotations

from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.patterns.pairs import HALVES, NEIGHBOURS, NEIGHBOURS_SWAPPED, SWAPPED
from archcalc.tracing.patterns.views import redirect


def apply(graph: Graph) -> None:
    """Write the order of pairs as layers, where attention has not taken it in."""
    for node in list(graph.nodes):
        if node.op != "rope" or "taken" not in node.keys:
            continue
        taken, given = node.keys.pop("taken"), node.keys.pop("given")
        before = _steps(node.inputs[0], node, taken, inverse=False)
        node.inputs = [Out(before[-1]) if before else node.inputs[0]]
        after = _steps(Out(node), node, given, inverse=True)
        at = graph.nodes.index(node)
        graph.nodes[at : at + 1] = [*before, node, *after]
        if after:
            redirect(graph, Out(node), Out(after[-1]))
            after[0].inputs = [Out(node)]


def _steps(x: Out, rope: Node, word: str, inverse: bool) -> list[Node]:
    """The layers that put features in the order of `rope`, or back from it."""
    if word == HALVES:
        return []
    names = "abcefg"[: len(x.sizes) - 1]
    apart, aside = (f"{' '.join(names)} ({pair})" for pair in ("d t", "t d"))
    kinds = {SWAPPED: ["roll"], NEIGHBOURS: ["rearrange"], NEIGHBOURS_SWAPPED: ["rearrange", "roll"]}[word]
    found: list[Node] = []
    for op in reversed(kinds) if inverse else kinds:
        pattern = f"{aside} -> {apart}" if inverse else f"{apart} -> {aside}"
        keys = (
            {"shift": (x.sizes[-1] // 2,), "axes": (len(x.sizes) - 1,)}
            if op == "roll"
            else {"pattern": pattern, "t": 2}
        )
        found.append(Node(op, x.sizes, rope.scope, [x], keys))
        found[-1].place = rope.place
        x = Out(found[-1])
    return found
