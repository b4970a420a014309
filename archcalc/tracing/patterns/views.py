"""Views: nodes that move elements without changing them, and where each element comes from.

However code splits heads, the elements that arrive are the same: their places are followed as the nodes move them.
"""

from __future__ import annotations

from typing import Any

from archcalc.records import NamedTuple
from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.patterns.places import Places

_VIEWS = frozenset(("reshape", "flatten", "transpose", "rearrange", "select", "slice", "split", "identity", "expand"))


class View(NamedTuple):
    """A tensor as a view of another.

    Attributes:
        root: where the elements come from; path: the nodes in between, last first.
        factor: what they were multiplied by on the way; norm: a norm over the last axis on the way; rope: what
        rotates them after that.
    """

    root: Out
    path: list[Node]
    factor: float
    norm: Node | None
    rope: Node | None = None


def climb(out: Out, through: frozenset[str] = frozenset()) -> View:
    """The tensor that an output is a view of, looking through `scale` and the layers in `through` as well."""
    path: list[Node] = []
    factor, norm, rope = 1.0, None, None
    while True:
        node = out.node
        if node.op in _VIEWS and len(node.inputs) == 1:
            pass
        elif node.op == "scale":
            factor *= node.keys["factor"]
        elif node.op == "rope" and node.op in through and rope is None and (norm is None or not norm.keys["affine"]):
            rope = node
        elif node.op in through and node.op != "rope" and norm is None:
            norm = node
        else:
            return View(out, path, factor, norm, rope)
        if out.name and node.op != "split":
            return View(out, path, factor, norm, rope)
        path.append(_Step(node, out.name) if out.name else node)  # type: ignore[arg-type]
        out = node.inputs[0]


class _Step:
    """One output of a split on the way."""

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        self.name = name


def nodes_of(view: View) -> list[Node]:
    """The nodes between a view and its root."""
    return [one.node if isinstance(one, _Step) else one for one in view.path]


def places_of(view: View) -> Places | None:
    """For each element of a view, its place in the root; None if that is not a regular pattern."""
    places: Places | None = Places.whole(view.root.sizes)
    for step in reversed(view.path):
        if places is None:
            return None
        places = _moved(places, step)
    return places


def signature(view: View) -> tuple[object, ...]:
    """A key that is equal for views that move elements in the same way."""
    steps = []
    for one in view.path:
        node, name = (one.node, one.name) if isinstance(one, _Step) else (one, "")
        keys = tuple((key, value) for key, value in node.keys.items() if not isinstance(value, Out))
        steps.append((node.op, node.sizes, keys, name))
    return (view.root.sizes, *steps)


def _moved(x: Places, step: Any) -> Places | None:
    if isinstance(step, _Step):
        keys = step.node.keys
        axis, index = keys["axis"] % len(x.axes), int(step.name)
        whole = x.sizes()[axis]
        lengths = keys.get("sizes") or (whole // keys["parts"],) * keys["parts"]
        start = sum(lengths[:index])
        return x.sliced(axis, range(start, start + lengths[index]))
    node: Node = step
    keys = node.keys
    if node.op in ("reshape", "flatten"):
        return x.reshaped(node.sizes)
    if node.op == "transpose":
        order = list(range(len(x.axes)))
        first, second = keys["axes"]
        order[first], order[second] = order[second], order[first]
        return x.ordered(order)
    if node.op == "expand":
        return x.expanded(node.sizes)
    if node.op == "rearrange":
        left, right = (side.split() for side in keys["pattern"].split(" -> "))
        return x.ordered([left.index(letter) for letter in right]) if sorted(left) == sorted(right) else None
    if node.op == "select":
        return x.selected(keys["axis"] % len(x.axes), keys["index"])
    if node.op == "slice":
        axis = keys["axis"] % len(x.axes)
        place = slice(keys["start"], keys.get("end"), keys.get("step", 1))
        return x.sliced(axis, range(*place.indices(x.sizes()[axis])))
    return x


def only_within(graph: Graph, inner: set[Node], last: Node) -> bool:
    """Whether only the nodes themselves read their outputs, except for the last one's."""
    outputs = {out.node for _, out in graph.outputs}
    for node in graph.nodes:
        if node.tie in inner:
            return False
        if node not in inner and any(out.node in inner and out.node is not last for out in node.reads()):
            return False
    return not (outputs & (inner - {last}))


def replace(graph: Graph, old: Node, new: Node, at: Node | None = None) -> None:
    """Replace one node with another: readers of the one read the other."""
    graph.nodes.insert(graph.nodes.index(at or old) + 1, new)
    redirect(graph, Out(old), Out(new))


def redirect(graph: Graph, old: Out, new: Out) -> None:
    """Make every reader of one output read the other."""
    for node in graph.nodes:
        if node is new.node:
            continue
        node.inputs = [new if one == old else one for one in node.inputs]
        for key, value in node.keys.items():
            if isinstance(value, Out) and value == old:
                node.keys[key] = new
    graph.outputs = [(name, new if out == old else out) for name, out in graph.outputs]
