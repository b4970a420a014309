"""Shorter views: successive reshapes become one, those that change nothing go, and joined axes become a `flatten`."""

from __future__ import annotations

from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.patterns.views import redirect


def apply(graph: Graph) -> None:
    """Shorten chains of views."""
    for node in list(graph.nodes):
        if node.op == "reshape":
            _merge(graph, node)
    graph.drop_unread()
    users = graph.users()
    for node in graph.nodes:
        if node.op == "reshape":
            _as_flatten(node)
        elif node.op == "transpose":
            _as_rearrange(graph, node, users)
    for node in list(graph.nodes):
        if node.op == "mean" and _is_pooled(node):
            node.op, node.keys = "adaptiveavgpool", {"output": (1,) * (len(node.inputs[0].sizes) - 1)}


def _merge(graph: Graph, node: Node) -> None:
    source = node.inputs[0]
    while source.node.op == "reshape":
        source = source.node.inputs[0]
    node.inputs[0] = source
    if source.sizes == node.sizes:
        redirect(graph, Out(node), source)
    elif source.node.op in ("parameter", "constant") and len(graph.users().get(source, ())) == 1:
        source.node.sizes = node.sizes
        source.node.keys["shape"] = node.sizes
        redirect(graph, Out(node), source)
    elif source.node.op == "constant" and "value" in source.node.keys:
        node.op, node.inputs, node.keys = "constant", [], {"shape": node.sizes, "value": source.node.keys["value"]}


def _as_flatten(node: Node) -> None:
    before, after = node.inputs[0].sizes, node.sizes
    if len(after) >= len(before):
        return
    start = 0
    while start < len(after) - 1 and before[start] == after[start]:
        start += 1
    count = len(before) - len(after) + 1
    if before[start + count :] != after[start + 1 :]:
        return
    node.op = "flatten"
    last = start + count - 1
    node.keys = {"start": start, "end": -1 if last == len(before) - 1 else last}


def _as_rearrange(graph: Graph, node: Node, users: dict[Out, list[Node]]) -> None:
    """Positions of a map as a sequence, and back."""
    source = node.inputs[0].node
    only = len(users.get(node.inputs[0], [])) == 1
    if node.keys["axes"] != (0, 1) or len(node.sizes) != 2:
        return
    if source.op == "flatten" and source.keys["start"] == 1 and len(source.inputs[0].sizes) == 3 and only:
        node.op, node.keys, node.inputs = "rearrange", {"pattern": "c h w -> (h w) c"}, list(source.inputs)
        return
    after = users.get(Out(node), [])
    if len(after) == 1 and after[0].op == "reshape" and len(after[0].sizes) == 3 and after[0].sizes[0] == node.sizes[0]:
        (back,) = after
        back.op = "rearrange"
        back.keys = {"pattern": "(h w) c -> c h w", "h": back.sizes[1]}
        back.inputs = list(node.inputs)


def _is_pooled(node: Node) -> bool:
    """Whether it is the mean over all spatial axes, which follow the channels in a channels-first tensor."""
    sizes = node.inputs[0].sizes
    made = node.inputs[0].node.op
    first = (
        "conv",
        "batchnorm",
        "relu",
        "silu",
        "relu6",
        "hardswish",
        "gelu",
        "groupnorm",
        "sigmoid",
        "leakyrelu",
        "mish",
    )
    return bool(
        node.keys.get("keepdim")
        and len(sizes) in (3, 4)
        and node.keys["axis"] == tuple(range(1, len(sizes)))
        and made in first
    )
