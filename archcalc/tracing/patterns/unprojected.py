"""Attention without projections: softmax(q kᵀ · factor + bias) v of any three tensors, as one call."""

from __future__ import annotations

import math

from archcalc.records import NamedTuple
from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.patterns.masks import shown
from archcalc.tracing.patterns.scores import Added
from archcalc.tracing.patterns.views import only_within, redirect


class Core(NamedTuple):
    """softmax(q kᵀ · factor + bias) v: tensors, and the nodes that compute it."""

    q: Out
    k: Out
    v: Out
    factor: float
    added: list[Added]
    causal: bool
    dropout: float
    nodes: set[Node]
    last: Node
    mask: Out | None = None


def as_sdpa(graph: Graph, core: Core) -> bool:
    """Replace hand-written attention without projections with one call; returns whether it is that."""
    heads = {core.q.sizes[:-2], core.k.sizes[:-2], core.v.sizes[:-2]}
    if not only_within(graph, core.nodes, core.last) or len(heads) > 1:
        return False
    keys: dict[str, object] = {"q": core.q, "k": core.k, "v": core.v}
    default = 1 / math.sqrt(core.q.sizes[-1])
    if not _scaled_before(graph, core, default) and abs(core.factor - default) > 1e-9:
        keys["scale"] = core.factor
    if core.dropout:
        keys["dropout"] = core.dropout
    inputs = [core.q, core.k, core.v]
    if core.mask is not None:
        seen = shown(graph, core.mask, core.q.sizes[-2], core.k.sizes[-2])
        if seen is None:
            return False
        keys["mask"] = seen
        inputs.append(seen)
    made = Node("sdpa", core.last.sizes, core.last.scope, inputs, keys)
    made.place = core.last.place
    turned = [] if core.k.node in graph.nodes else [core.k.node]
    at = graph.nodes.index(core.last) + 1
    graph.nodes[at:at] = [*turned, made]
    redirect(graph, Out(core.last), Out(made))
    return True


def _scaled_before(graph: Graph, core: Core, wanted: float) -> bool:
    """Leave the scale of queries to the attention, if it is the usual one and only the scores read them."""
    users = graph.users()
    out = core.q
    while out.node.op in ("transpose", "reshape", "rearrange") and len(users.get(out, ())) == 1:
        out = out.node.inputs[0]
    node = out.node
    if node.op != "scale" or len(users.get(out, ())) != 1 or out in {one for _, one in graph.outputs}:
        return False
    if abs(node.keys["factor"] * core.factor - wanted) > 1e-9:
        return False
    redirect(graph, out, node.inputs[0])
    return True
