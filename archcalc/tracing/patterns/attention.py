"""Attention, however it is written: one fused call, or products and a softmax by hand.

It is recognised by where the elements of queries, keys, values and output come from: heads are consecutive features of
linear maps, and positions stay in place. What is added to the scores, learned or not, is a table (`relbias`).
"""

from __future__ import annotations

import math

from archcalc.records import NamedTuple
from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.patterns.contractions import opened
from archcalc.tracing.patterns.masks import hiding, shown
from archcalc.tracing.patterns.pairs import order_of
from archcalc.tracing.patterns.scores import Added, same_but_ones, table
from archcalc.tracing.patterns.tables import causal_window
from archcalc.tracing.patterns.unprojected import Core, as_sdpa
from archcalc.tracing.patterns.views import View, climb, nodes_of, only_within, places_of, redirect, signature

# Layers that may stand between the linear map of queries and keys and the scores.
_NORMS = frozenset(("rmsnorm", "rope"))


def apply(graph: Graph) -> None:
    """Write `attention` with its projections, or `sdpa` if there are none."""
    static = _static(graph)
    _SEEN.clear()
    for node in list(graph.nodes):
        if node not in graph.nodes:
            continue
        if node.op == "sdpa":
            _whole(graph, _fused(node))
        elif node.op == "softmax":
            undo = opened(graph, node)
            core = _by_hand(graph, node, static)
            if core is None or not (_whole(graph, core) or (not core.added and as_sdpa(graph, core))):
                undo()


def _static(graph: Graph) -> set[Node]:
    """Nodes that depend on no data."""
    moving: set[Node] = set()
    for node in graph.nodes:
        if node.op == "input" or any(out.node in moving for out in node.reads()):
            moving.add(node)
    return set(graph.nodes) - moving


def _fused(node: Node) -> Core:
    q, k, v = node.inputs
    factor = node.keys.get("scale", 1 / math.sqrt(q.sizes[-1]))
    return Core(q, k, v, factor, [], bool(node.keys.get("causal")), node.keys.get("dropout", 0.0), {node}, node)


def _by_hand(graph: Graph, softmax: Node, static: set[Node]) -> Core | None:
    """Match from a softmax back to the scores and on to the values."""
    if softmax.keys["axis"] != len(softmax.sizes) - 1:
        return None
    nodes, out = {softmax}, softmax.inputs[0]
    factor, added, mask = 1.0, list[Added](), None
    while out.node.op != "matmul":
        node = out.node
        nodes.add(node)
        if node.op == "scale":
            factor *= node.keys["factor"]
            out = node.inputs[0]
        elif node.op == "reshape" and same_but_ones(node.sizes, node.inputs[0].sizes):
            out = node.inputs[0]
        elif node.op == "add" and len(node.inputs) == 2:
            fixed = [one for one in node.inputs if one.node in static]
            rest = [one for one in node.inputs if one.node not in static]
            if len(rest) == 2 and mask is None:
                hidden = next((one for one in rest if one.node.op != "matmul" and hiding(one)), None)
                if hidden is None:
                    return None
                mask, out = hidden, rest[1 - rest.index(hidden)]
                continue
            if len(fixed) != 1 or factor != 1.0:
                return None
            added.append(Added(fixed[0], node))
            out = rest[0]
        else:
            return None
    product = out.node
    nodes.add(product)
    q, turned = product.inputs
    k = _untransposed(turned, nodes)
    users = graph.users()
    after, dropout = Out(softmax), 0.0
    while len(found := users.get(after, [])) == 1 and found[0].op in ("dropout", "reshape"):
        if found[0].op == "reshape" and not same_but_ones(found[0].sizes, after.sizes):
            return None
        dropout = found[0].keys.get("p", dropout)
        nodes.add(found[0])
        after = Out(found[0])
    if len(found) != 1 or found[0].op != "matmul" or found[0].inputs[0] != after or k is None:
        return None
    nodes.add(found[0])
    return Core(q, k, found[0].inputs[1], factor, added, False, dropout, nodes, found[0], mask)


def _without_ones(out: Out) -> Out:
    """A table before axes of size 1 were added to it."""
    while out.node.op in ("reshape", "expand") and same_but_ones(out.sizes, out.node.inputs[0].sizes):
        out = out.node.inputs[0]
    return out


def _untransposed(out: Out, nodes: set[Node]) -> Out | None:
    """The keys before their last two axes are swapped, by a node of its own or as part of another permutation."""
    node = out.node
    rank = len(out.sizes)
    if node.op == "transpose" and {axis % rank for axis in node.keys["axes"]} == {rank - 1, rank - 2}:
        nodes.add(node)
        return node.inputs[0]
    if out.name or rank < 2:
        return None
    turned = Node("transpose", (*out.sizes[:-2], out.sizes[-1], out.sizes[-2]), node.scope, [out], {"axes": (-2, -1)})
    return Out(turned)


class _Heads(NamedTuple):
    """Where heads come from: a linear map, its first feature, how far apart heads begin, and how many there are."""

    linear: Node
    first: int
    step: int
    heads: int
    view: View

    def rows(self, size: int) -> list[int]:
        """The features of the map in the order of heads, and in each head in that of `rope`."""
        turns = self.view.rope.keys if self.view.rope is not None else {}
        order = order_of(turns["taken"], size) if "taken" in turns else range(size)
        return [self.first + head * self.step + feature for head in range(self.heads) for feature in order]

    def bias(self, size: int) -> str | bool | None:
        """The name of its bias in the map; False if it has none, None if only parts of it have one."""
        letters = self.linear.keys["bias"]
        if not isinstance(letters, str):
            return "bias" if letters else False
        third = self.linear.sizes[-1] // 3
        thirds = {"qkv"[row // third] for row in self.rows(size)}
        if len(thirds) > 1:
            return None
        return f"{letter}_bias" if (letter := thirds.pop()) in letters else False


def _heads(out: Out, positions: int, heads: int) -> _Heads | None:
    view = climb(out, _NORMS)
    linear = view.root.node
    if linear.op != "linear" or "reparam" in linear.keys or view.root.name:
        return None
    size = out.sizes[-1]
    key = (signature(view), positions, heads, size)
    if key not in _SEEN:
        _SEEN[key] = _places(view, positions, heads, size)
    found = _SEEN[key]
    return None if found is None else _Heads(linear, *found, view)


# Cached results for each form of view: every block of a model has the same ones.
_SEEN: dict[tuple[object, ...], tuple[int, int, int] | None] = {}


def _places(view: View, positions: int, heads: int, size: int) -> tuple[int, int, int] | None:
    """The first feature of heads in a linear map, their distance, and their number; None for any other layout."""
    places = places_of(view)
    features, whole = view.root.sizes[-1], math.prod(view.root.sizes)
    if places is None or whole % (positions * features):
        return None
    lead = whole // (positions * features)
    apart = places.reshaped((lead, heads, positions, size))
    if apart is not None and apart.axes[1] and apart.axes[1][-1][1] == 0:
        heads //= apart.axes[1].pop()[0]  # fewer heads, each repeated several times
    strides = apart.strides() if apart is not None else None
    if apart is None or strides is None or not 0 <= apart.first < features:
        return None
    step = strides[1] if strides[1] is not None else size
    right = all(
        one in (None, wanted)
        for one, wanted in ((strides[0], positions * features), (strides[2], features), (strides[3], 1))
    )
    return (apart.first, step, heads) if right else None


def _whole(graph: Graph, core: Core) -> bool:
    """Replace attention with its four projections; returns whether it is that."""
    q, k, v = core.q, core.k, core.v
    if len(q.sizes) < 2 or q.sizes[-1] != k.sizes[-1] or k.sizes[-1] != v.sizes[-1]:
        return False
    size = q.sizes[-1]
    found = _joined(graph, core, size)
    if found is None:
        return False
    projection, heads, path = found
    parts = [_heads(one, one.sizes[-2], heads) for one in (q, k, v)]
    if any(part is None for part in parts):
        return False
    from_q, from_k, from_v = (part for part in parts if part is not None)
    if from_k.heads != from_v.heads or from_q.heads != heads or not _same_ropes(from_q, from_k, from_v, size):
        return False
    norms = [from_q.view.norm, from_k.view.norm]
    if from_v.view.norm is not None or (norms[0] is None) != (norms[1] is None):
        return False
    if norms[0] is not None and norms[1] is not None:
        if any(norms[0].keys.get(key) != norms[1].keys.get(key) for key in ("eps", "affine")):
            return False
        if norms[0].keys["affine"] and "taken" in (from_q.view.rope or norms[0]).keys:
            return False  # a factor for each feature, in another order
    factor = core.factor * from_q.view.factor * from_k.view.factor
    if abs(factor - 1 / math.sqrt(size)) > 1e-6 or from_v.view.factor != 1:
        return False
    inner = core.nodes | set(path) | {projection}
    for part in (from_q, from_k, from_v):
        inner |= {part.linear, *nodes_of(part.view)}
    inner |= {one.node for one in (q, k, v)} - {part.view.root.node.inputs[0].node for part in (from_q, from_k, from_v)}
    if not only_within(graph, inner, projection):
        return False
    if any(one.tie is not None for one in inner):
        return False
    made = _made(graph, core, projection, (from_q, from_k, from_v), heads, size)
    if made is None:
        return False
    graph.nodes.insert(graph.nodes.index(projection) + 1, made)
    redirect(graph, Out(projection), Out(made))
    graph.drop_unread()
    return True


def _same_ropes(q: _Heads, k: _Heads, v: _Heads, size: int) -> bool:
    """Whether queries and keys are rotated by position in the same way, or not at all, and values are not rotated."""
    first, second = q.view.rope, k.view.rope
    if first is None or second is None or v.view.rope is not None:
        return first is None and second is None and v.view.rope is None
    return first.keys == second.keys and first.sizes[-1] == second.sizes[-1] == size


def _joined(graph: Graph, core: Core, size: int) -> tuple[Node, int, list[Node]] | None:
    """The linear map that the joined heads go into, their number, and the nodes on the way."""
    users = graph.users()
    path: list[Node] = []
    out = Out(core.last)
    while len(found := users.get(out, [])) == 1:
        node = found[0]
        if node.op == "linear" and "reparam" not in node.keys:
            view = View(Out(core.last), climb(out).path[: len(path)], 1.0, None)
            features, positions = node.inputs[0].sizes[-1], core.q.sizes[-2]
            if features % size or math.prod(core.last.sizes) != math.prod(node.inputs[0].sizes):
                return None
            key = (signature(view), positions, features // size, size, "out")
            if key not in _SEEN:
                _SEEN[key] = (0, 0, 0) if _side_by_side(view, positions, features // size, size) else None
            return (node, features // size, path) if _SEEN[key] is not None else None
        if node.op not in ("reshape", "flatten", "transpose", "rearrange"):
            return None
        path.append(node)
        out = Out(node)
    return None


def _side_by_side(view: View, positions: int, heads: int, size: int) -> bool:
    """Whether the features of a position are those of its heads, one head after the other."""
    places = places_of(view)
    whole = math.prod(view.root.sizes)
    if places is None or whole % (positions * heads * size):
        return False
    lead = whole // (positions * heads * size)
    apart = places.reshaped((lead, positions, heads, size))
    strides = apart.strides() if apart is not None else None
    wanted = (heads * positions * size, size, positions * size, 1)
    return strides is not None and all(one in (None, other) for one, other in zip(strides, wanted))


def _made(
    graph: Graph, core: Core, projection: Node, parts: tuple[_Heads, _Heads, _Heads], heads: int, size: int
) -> Node | None:
    sources = [part.linear.inputs[0] for part in parts]
    x = sources[0]
    if sources[1] != sources[2]:
        return None
    width = x.sizes[-1]
    keys: dict[str, object] = {"heads": heads}
    if parts[1].heads != heads:
        keys["kv_heads"] = parts[1].heads
    if parts[0].view.rope is not None:
        turns = parts[0].view.rope.keys
        keys |= {"rope": turns["theta"]} | ({"rope_dim": turns["dim"]} if "dim" in turns else {})
    if heads * size != width:
        keys["head_dim"] = size
    inputs = [x]
    if sources[1] != x:
        if sources[1].sizes[-1] != width:
            return None
        keys["kv"] = sources[1]
        inputs.append(sources[1])
    biases = [part.bias(size) for part in parts]
    if None in biases:
        return None
    letters = "".join(letter for letter, bias in zip("qkvo", (*biases, projection.keys["bias"])) if bias)
    keys["bias"] = True if letters == "qkvo" else letters or False
    added = core.added
    windows = [causal_window(_without_ones(one.out)) for one in added]
    if core.causal or any(windows):
        keys["causal"] = True
        near = min([one for one in windows if one], default=core.k.sizes[-2])
        if near < core.k.sizes[-2]:
            keys["window"] = near
        added = [one for one, window in zip(added, windows) if not window]
    if added:
        bias = table(graph, added, x.sizes[:-2], (heads, core.q.sizes[-2], core.k.sizes[-2]))
        if bias is None:
            return None
        keys["relbias"] = bias
        inputs.append(bias)
    if core.mask is not None:
        seen = shown(graph, core.mask, core.q.sizes[-2], core.k.sizes[-2])
        if seen is None:
            return None
        keys["mask"] = seen
        inputs.append(seen)
    if parts[0].view.norm is not None:
        eps = parts[0].view.norm.keys.get("eps", 1e-6)
        keys |= {
            "qknorm": True if parts[0].view.norm.keys["affine"] else "unscaled",
            **({"qknorm_eps": eps} if eps != 1e-6 else {}),
        }
    if core.dropout:
        keys["dropout"] = core.dropout
    if projection.sizes[-1] != width:
        keys["out"] = projection.sizes[-1]
    if projection.sizes[:-1] != x.sizes[:-1]:
        return None
    made = Node("attention", projection.sizes, projection.scope, inputs, dict(keys))
    made.place = projection.place
    made.weights = _weights(parts, size, projection)
    made.rows = {letter: part.rows(size) for letter, part in zip("qkv", parts)}
    outer = core.last.scope
    made.scope = outer if outer is not None else projection.scope
    return made


def _weights(parts: tuple[_Heads, _Heads, _Heads], size: int, projection: Node) -> dict[str, str]:
    """The module's own names, one for each of its parameters."""
    names: dict[str, str] = {}
    for letter, part in zip("qkv", parts):
        names[f"{letter}.weight"] = part.linear.weights["weight"]
        if bias := part.bias(size):
            names[f"{letter}.bias"] = part.linear.weights[str(bias)]
        if part.view.norm is not None:
            names |= {f"{letter}.norm.{key}": name for key, name in part.view.norm.weights.items()}
    return names | {f"out_proj.{key}": name for key, name in projection.weights.items()}
