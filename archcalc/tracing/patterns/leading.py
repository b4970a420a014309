"""Layers of the last axis on positions that were joined for them alone: they do the same where the positions are apart."""

from __future__ import annotations

from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.patterns.views import redirect

# What works on each vector of the last axis, or on each element.
_LAST = frozenset(
    ("linear", "layernorm", "rmsnorm", "gelu", "relu", "silu", "sigmoid", "tanh", "hardswish", "add", "mul", "sub", "dropout",
     "scale", "offset", "layerscale", "square", "softmax", "split", "mish", "leakyrelu", "relu6")
)  # fmt: skip
_MOST = 400


def apply(graph: Graph) -> None:
    """A reshape and the one that takes it back go, where nothing between them sees it."""
    for node in list(graph.nodes):
        if node.op in ("reshape", "flatten") and node in graph.nodes:
            _unjoin(graph, node)
    for node in list(graph.nodes):
        if node.op in ("layernorm", "linear"):
            _as_vector(graph, node)


def _unjoin(graph: Graph, joined: Node) -> None:
    source = joined.inputs[0]
    before, after = source.sizes, joined.sizes
    if len(after) < 2 or len(before) < 2 or before[-1] != after[-1] or before == after:
        return
    users = graph.users()
    region: dict[Node, None] = {}
    exits: list[Node] = []
    left = list(users.get(Out(joined), []))
    while left:
        node = left.pop()
        if node in region or node in exits:
            continue
        if (
            node.op in ("reshape", "flatten")
            and node.sizes[:-1] == before[:-1]
            and node.sizes[-1] == node.inputs[0].sizes[-1]
        ):
            exits.append(node)
            continue
        if node.op not in _LAST or node.sizes[:-1] != after[:-1] or len(region) > _MOST or not _is_last(node):
            return
        region[node] = None
        for name in ("", *node.further):
            left += users.get(Out(node, name), ())
    outputs = {out.node for _, out in graph.outputs}
    if not exits or outputs & set(region) or Out(joined).node in outputs:
        return
    for node in region:
        for out in node.reads():
            if out.node not in region and out.node is not joined and len(out.sizes) > 1:
                return
    for node in region:
        node.sizes = (*before[:-1], node.sizes[-1])
        node.further = {name: (*before[:-1], sizes[-1]) for name, sizes in node.further.items()}
        if "axis" in node.keys:
            node.keys["axis"] = -1
    redirect(graph, Out(joined), source)
    for node in exits:
        redirect(graph, Out(node), node.inputs[0])
    graph.drop_unread()


def _is_last(node: Node) -> bool:
    """Whether a layer with an axis works along the last one."""
    if node.op == "layernorm":
        return bool(node.keys["axes"] == (-1,))
    return "axis" not in node.keys or node.keys["axis"] in (-1, len(node.sizes) - 1)


def _as_vector(graph: Graph, node: Node) -> None:
    """What has one position alone is a vector before the layer where it is one after it."""
    x = node.inputs[0]
    if len(x.sizes) < 2 or any(size != 1 for size in x.sizes[:-1]) or not _is_last(node):
        return
    users = graph.users().get(Out(node), ())
    if not users or any(user.op not in ("reshape", "flatten") or len(user.sizes) != 1 for user in users):
        return
    flat = Node("reshape", (x.sizes[-1],), node.scope, [x], {"shape": (x.sizes[-1],)})
    while flat.inputs[0].node.op == "reshape":
        flat.inputs[0] = flat.inputs[0].node.inputs[0]
    graph.nodes.insert(graph.nodes.index(node), flat)
    node.inputs[0] = Out(flat)
    node.sizes = node.sizes[-1:]
    for user in users:
        redirect(graph, Out(user), Out(node))
    if len(flat.inputs[0].sizes) > 1:
        flat.op, flat.keys = "flatten", {"start": 0, "end": -1}
    graph.drop_unread()
