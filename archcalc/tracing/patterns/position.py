"""Learned position tables, class tokens and scores by distance."""

from __future__ import annotations

from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.patterns.scores import same_but_ones
from archcalc.tracing.patterns.tables import vector
from archcalc.tracing.patterns.views import redirect, replace

_MOST_WINDOW = 64


def apply(graph: Graph) -> None:
    """`posembed`, `clstoken` and `relposbias`."""
    users = graph.users()
    for node in list(graph.nodes):
        if node.op == "add" and len(node.inputs) == 2:
            _posembed(graph, node, users)
        elif node.op == "concat" and len(node.inputs) == 2:
            _clstoken(graph, node, users)
        elif node.op == "gather":
            _relposbias(graph, node, users)


def _own(out: Out, users: dict[Out, list[Node]]) -> bool:
    """Whether it is a parameter that is read only once."""
    return out.node.op == "parameter" and len(users.get(out, [])) == 1


def _posembed(graph: Graph, node: Node, users: dict[Out, list[Node]]) -> None:
    for table, x in (node.inputs, node.inputs[::-1]):
        if _own(table, users) and table.sizes == x.sizes == node.sizes and len(node.sizes) == 2 and node.sizes[0] > 1:
            made = Node("posembed", node.sizes, node.scope, [x], {})
            made.weights = {"weight": table.node.weights["weight"]}
            made.place = node.place
            replace(graph, node, made)
            return
        rows = _first_rows(table, x.sizes, users)
        if rows is not None:
            made = Node(
                "posembed", node.sizes, node.scope, [x], {"length": next(size for size in rows.sizes if size != 1)}
            )
            made.weights = {"weight": rows.node.weights["weight"]}
            made.place = node.place
            replace(graph, node, made)
            return


def _first_rows(out: Out, sizes: tuple[int, ...], users: dict[Out, list[Node]]) -> Out | None:
    """The table of positions whose first rows, in order, are this output; None for any other output."""
    while out.node.op in ("reshape", "flatten") and same_but_ones(out.sizes, out.node.inputs[0].sizes):
        if len(users.get(out, [])) != 1:
            return None
        out = out.node.inputs[0]
    node = out.node
    if node.op == "slice" and len(users.get(out, [])) == 1 and _own(node.inputs[0], users):
        table = node.inputs[0]
        whole = [size for size in table.sizes if size != 1]
        first = node.keys["start"] == 0 and node.keys.get("step", 1) == 1
        along = table.sizes[node.keys["axis"]] == whole[0] and same_but_ones(out.sizes, sizes)
        return table if first and along and len(whole) == len(sizes) == 2 and whole[1] == sizes[1] else None
    if node.op != "gather" or node.keys["axis"] != 0 or len(sizes) != 2 or not same_but_ones(out.sizes, sizes):
        return None
    table, index = node.inputs
    if len(users.get(out, [])) != 1 or not _own(table, users) or len(table.sizes) != 2:
        return None
    return table if vector(index) == list(range(sizes[0])) else None


def _clstoken(graph: Graph, node: Node, users: dict[Out, list[Node]]) -> None:
    token, x = node.inputs
    if _own(token, users) and node.keys["axis"] == 0 and len(node.sizes) == 2 and token.sizes[0] == 1:
        made = Node("clstoken", node.sizes, node.scope, [x], {})
        made.weights = {"weight": token.node.weights["weight"]}
        made.place = node.place
        replace(graph, node, made)


def _relposbias(graph: Graph, node: Node, users: dict[Out, list[Node]]) -> None:
    """A table [displacements, heads] that is read at the displacement of each pair of positions in a window."""
    table, index = node.inputs
    if table.node.op != "parameter" or len(table.sizes) != 2 or index.node.op != "constant" or node.keys["axis"] != 0:
        return
    rows, heads = table.sizes
    last, path = Out(node), [node]
    while len(found := users.get(last, [])) == 1 and found[0].op in ("reshape", "rearrange", "transpose"):
        last = Out(found[0])
        path.append(found[0])
        if last.sizes[-3:][0] == heads and len(last.sizes) >= 3:
            break
    positions = last.sizes[-1]
    if last.sizes[-3:] != (heads, positions, positions) or any(size != 1 for size in last.sizes[:-3]):
        return
    for height in range(1, _MOST_WINDOW):
        if positions % height == 0 and (2 * height - 1) * (2 * (positions // height) - 1) == rows:
            keys = {"heads": heads, "kind": "window", "window": (height, positions // height)}
            made = Node("relposbias", (heads, positions, positions), node.scope, [], keys)
            made.weights = {"weight": table.node.weights["weight"]}
            made.place = node.place
            graph.nodes.insert(graph.nodes.index(last.node) + 1, made)
            new = Out(made)
            if last.sizes != made.sizes:
                again = Node("reshape", last.sizes, node.scope, [new], {"shape": last.sizes})
                graph.nodes.insert(graph.nodes.index(made) + 1, again)
                new = Out(again)
            redirect(graph, last, new)
            if new.node is not made:
                new.node.inputs = [Out(made)]
            return
