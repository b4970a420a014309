"""Hand-written norms, such as the RMS norm of language models: x / sqrt(mean(x²) + eps), times a weight."""

from __future__ import annotations

from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.patterns.views import only_within, replace


def apply(graph: Graph) -> None:
    """Write `rmsnorm` for a division by the root of the mean square along the last axis."""
    users = graph.users()
    for node in list(graph.nodes):
        if node.op in ("mul", "div") and len(node.inputs) == 2:
            _root_mean_square(graph, node, users)


def _root_mean_square(graph: Graph, node: Node, users: dict[Out, list[Node]]) -> None:
    pairs = [node.inputs] if node.op == "div" else [node.inputs, node.inputs[::-1]]
    for x, factor in pairs:
        inner: list[Node] = []
        epsilon = _epsilon(x, factor, node.op == "div", inner)
        if epsilon is None or node.sizes != x.sizes:
            continue
        last, weight = node, _weight(node, users)
        if weight is not None:
            inner.append(node)
            last = weight[0]
        if not only_within(graph, {*inner, last}, last):
            if weight is None or not only_within(graph, {*inner[:-1], node}, node):
                return
            last, weight = node, None
        keys = {"eps": epsilon, "affine": weight is not None, "axis": -1}
        made = Node("rmsnorm", last.sizes, node.scope, [x], keys)
        made.place = node.place
        if weight is not None:
            made.weights = {"weight": weight[1].node.weights["weight"]}
        replace(graph, last, made)
        return


def _weight(node: Node, users: dict[Out, list[Node]]) -> tuple[Node, Out] | None:
    """The product that follows, with a parameter for each feature, and that parameter."""
    after = users.get(Out(node), [])
    if len(after) != 1 or after[0].op != "mul" or len(after[0].inputs) != 2:
        return None
    rest = [one for one in after[0].inputs if one != Out(node)]
    if len(rest) != 1 or rest[0].node.op != "parameter" or rest[0].sizes != node.sizes[-1:]:
        return None
    return (after[0], rest[0]) if len(users.get(rest[0], [])) == 1 else None


def _epsilon(x: Out, out: Out, divides: bool, inner: list[Node]) -> float | None:
    """The epsilon of sqrt(mean(x²) + eps), or of its reciprocal; `inner` collects the nodes on the way."""
    steps = ("sqrt",) if divides else ("rsqrt",) if out.node.op == "rsqrt" else ("reciprocal", "sqrt")
    for op in (*steps, "offset", "mean"):
        node = out.node
        if node.op != op or out.name or len(node.inputs) != 1:
            return None
        inner.append(node)
        out = node.inputs[0]
    mean, offset = inner[-1], inner[-2]
    if mean.keys.get("axis") != (len(x.sizes) - 1,) or not mean.keys.get("keepdim"):
        return None
    square = out.node
    inner.append(square)
    same = square.op == "square" or (square.op == "mul" and square.inputs == [x, x])
    return float(offset.keys["number"]) if same and square.inputs[0] == x else None
