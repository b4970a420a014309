"""Last-axis layers on positions that were joined only for them: they do the same when the positions stay apart."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from archcalc.tracing.calls import Scope
from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.patterns.regrouping import groups
from archcalc.tracing.patterns.views import redirect

# Layers that work on each vector of the last axis, or on each element.
_LAST = frozenset(
    ("linear", "layernorm", "rmsnorm", "gelu", "relu", "silu", "sigmoid", "tanh", "hardswish", "add", "mul", "sub", "dropout",
     "scale", "offset", "layerscale", "square", "softmax", "split", "mish", "leakyrelu", "relu6")
)  # fmt: skip


# Maps as sequences and back, and the same with positions that stay apart.
_TO_SEQUENCE, _TO_MAP = "c h w -> (h w) c", "(h w) c -> c h w"
_TO_LAST, _TO_FIRST = "c h w -> h w c", "h w c -> c h w"


def apply(graph: Graph) -> None:
    """Remove a reshape and the one that undoes it if nothing between them depends on it."""
    for node in list(graph.nodes):
        if _before(node) is not None and node in graph.nodes:
            _unjoin(graph, node)
    for node in list(graph.nodes):
        if node.op in ("layernorm", "linear"):
            _as_vector(graph, node)


def _before(node: Node) -> tuple[int, ...] | None:
    """The sizes with positions apart, for what joins them before the last axis."""
    before, after = node.inputs[0].sizes if node.inputs else (), node.sizes
    if node.op in ("reshape", "flatten"):
        joins = len(after) == 2 < len(before) and before[-1] == after[-1]
        return before if joins else None
    if node.op == "rearrange" and node.keys["pattern"] == _TO_SEQUENCE:
        return (*before[1:], before[0])
    return None


def _unjoin(graph: Graph, joined: Node) -> None:
    before, after = _before(joined), joined.sizes
    assert before is not None
    users = graph.users()
    region = _region(graph, joined, users)
    exits = {user: None for out in _outs(joined, *region) for user in users.get(out, ()) if user not in region}
    outputs = {out.node for _, out in graph.outputs}
    takes_back = [node for node in exits if _takes_back(node, before, after)]
    kept = [node for node in exits if node not in takes_back and _is_aligned(node, before)]
    for node in reversed([*region]):  # what leads only to joined positions stays as it is
        read = [user for out in _outs(node) for user in users.get(out, ())]
        if read and not any(user in region or user in takes_back or user in kept for user in read):
            del region[node]
    again = {
        out: [user for user in users.get(out, ()) if user not in (*region, *takes_back, *kept)]
        for out in _outs(joined, *region)
    }
    again = {out: read for out, read in again.items() if read}
    gains = bool(takes_back or (kept and joined.op != "rearrange"))
    if not gains or len(again) > len(takes_back) or outputs & {joined, *region}:
        return
    for node in region:
        node.sizes = (*before[:-1], node.sizes[-1])
        node.further = {name: (*before[:-1], sizes[-1]) for name, sizes in node.further.items()}
        if "axis" in node.keys:
            node.keys["axis"] = -1
    for out, read in again.items():
        _join(graph, out, before, read)
    if joined.op == "rearrange":
        joined.keys, joined.sizes = {"pattern": _TO_LAST}, before
    else:
        redirect(graph, Out(joined), joined.inputs[0])
    for node in kept:
        node.op, node.keys = "reshape", {"shape": node.sizes}  # the same elements, whatever their layout was before
    for node in takes_back:
        if node.op == "mean":
            node.keys["axis"] = tuple(range(len(before) - 1))
        elif node.op == "rearrange":
            node.keys = {"pattern": _TO_FIRST}
        else:
            redirect(graph, Out(node), node.inputs[0])
    graph.drop_unread()


def _region(graph: Graph, joined: Node, users: dict[Out, list[Node]]) -> dict[Node, None]:
    """The layers after the joined positions that work on each position by itself."""
    region: dict[Node, None] = {}
    reached = set(users.get(Out(joined), ()))
    for node in graph.nodes:
        if node not in reached or node.op not in _LAST or node.sizes[:-1] != joined.sizes[:-1]:
            continue
        wide = [out.node for out in node.reads() if len(out.sizes) > 1]
        if not _is_last(node) or any(one is not joined and one not in region for one in wide):
            continue
        region[node] = None
        reached |= {user for out in _outs(node) for user in users.get(out, ())}
    return region


def _outs(*nodes: Node) -> Iterator[Out]:
    for node in nodes:
        for name in ("", *node.further):
            yield Out(node, name)


def _is_aligned(node: Node, before: tuple[int, ...]) -> bool:
    """Whether a reshape keeps positions apart, or splits them further."""
    return node.op in ("reshape", "flatten") and groups(before[:-1], node.sizes[: len(node.sizes) - 1]) is not None


def _join(graph: Graph, out: Out, before: tuple[int, ...], read: list[Node]) -> None:
    """Join positions for the layers that need them joined."""
    sizes = (prod(before[:-1]), out.sizes[-1])
    scope = _around(read)
    made = Node("flatten", sizes, scope, [out], {"start": 0, "end": len(before) - 2})
    made.place = read[0].place
    graph.nodes.insert(min(graph.nodes.index(node) for node in read), made)
    for node in read:
        node.inputs = [Out(made) if one == out else one for one in node.inputs]
        for key, value in node.keys.items():
            if isinstance(value, Out) and value == out:
                node.keys[key] = Out(made)


def _around(nodes: list[Node]) -> Scope | None:
    """The innermost call around all of them; for a single layer, the one around its own."""
    chains = [node.scope.chain()[:-1] if node.scope else [] for node in nodes]
    found = None
    for calls in zip(*chains):
        if any(call is not calls[0] for call in calls):
            break
        found = calls[0]
    return found


def _takes_back(node: Node, before: tuple[int, ...], after: tuple[int, ...]) -> bool:
    """Whether a node separates the positions again, or takes the mean of all."""
    if node.op in ("reshape", "flatten"):
        return node.sizes[:-1] == before[:-1] and node.sizes[-1] == node.inputs[0].sizes[-1]
    if node.op == "rearrange" and node.keys["pattern"] == _TO_MAP:
        return node.sizes[1:] == before[:-1]
    return node.op == "mean" and len(after) == 2 and node.keys == {"axis": (0,), "keepdim": False}


def _is_last(node: Node) -> bool:
    """Whether a layer with an axis works along the last one."""
    if node.op == "layernorm":
        return bool(node.keys["axes"] == (-1,))
    return "axis" not in node.keys or node.keys["axis"] in (-1, len(node.sizes) - 1)


def _as_vector(graph: Graph, node: Node) -> None:
    """Turn an input of a single position into a vector before the layer, if the output becomes one after it."""
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
