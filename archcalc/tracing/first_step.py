"""The first step of an unrolled loop, where it looks unlike the others because its states are constants."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from archcalc.tracing.graph import Graph, Node, Out

Sign = Callable[[Node], Hashable]


def crossing(row: Sequence[Node], start: int, period: int) -> int:
    """How many outputs are made before a place in a row of nodes and read within one step after it."""
    before = set(row[max(0, start - period) : start])
    after = row[start : start + period]
    return len({out for node in after for out in node.reads() if out.node in before})


def first_step(
    graph: Graph, users: dict[Out, list[Node]], steps: Sequence[list[Node]], sign: Sign
) -> list[Node] | None:
    """The nodes of one more step before these, in their order; None if there is none.

    Nodes that the first step lacks, because they would only resize a uniform constant, are added.
    """
    search = _Search(steps, sign)
    for place, (second, third) in enumerate(zip(steps[0], steps[1])):
        for ours, theirs in zip(second.reads(), third.reads()):
            if theirs.node in search.place and not search.pair(search.place[theirs.node], theirs.name, ours):
                return None
        ours_before = _stacked_before(users, Out(second), Out(third))
        if ours_before is not None and not search.pair(place, "", ours_before):
            return None
    nodes = [search.found.get(place) for place in range(len(steps[0]))]
    found = [node for node in nodes if node is not None]
    if len(set(found)) < len(nodes):
        return None
    search.put(graph)
    return found


def _stacked_before(users: dict[Out, list[Node]], second: Out, third: Out) -> Out | None:
    """What stands before a step's output where the outputs of all steps are joined."""
    for user in users.get(second, ()):
        entry, following = second, third
        if user.op == "reshape":
            others = [one for one in users.get(third, ()) if one.op == "reshape" and one.keys == user.keys]
            if len(others) != 1:
                continue
            entry, following = Out(user), Out(others[0])
        for join in users.get(entry, ()):
            if join.op != "concat" or following not in join.inputs:
                continue
            at = join.inputs.index(entry)
            place = at - (join.inputs.index(following) - at)
            if 0 <= place < len(join.inputs):
                before = join.inputs[place]
                return before.node.inputs[0] if entry != second and before.node.op == "reshape" else before
    return None


class _Search:
    """Pairs the places of the second step with nodes before it."""

    def __init__(self, steps: Sequence[list[Node]], sign: Sign) -> None:
        self.second, self.third = steps[0], steps[1]
        self.place = {node: place for place, node in enumerate(steps[0])}
        self.inside = {node for step in steps for node in step}
        self.sign = sign
        self.found: dict[int, Node] = {}
        self.made: dict[Node, Node] = {}

    def put(self, graph: Graph) -> None:
        """Put the nodes that the first step lacked into the graph, each before what reads it."""
        for place, reader in self.found.items():
            like = self.second[place]
            for index, out in enumerate(like.inputs):
                made = self.found.get(self.place.get(out.node, -1))
                if made in self.made:
                    at = graph.nodes.index(reader)
                    graph.nodes[at:at] = [one for one in (self.made[made], made) if one not in graph.nodes]
                    reader.inputs[index] = Out(made)

    def pair(self, place: int, name: str, ours: Out) -> bool:
        """Whether an output can stand at that place of the first step, and likewise everything that it reads."""
        like = self.second[place]
        if ours.name != name or ours.node in self.inside:
            return False
        if place in self.found:
            return self.found[place] is ours.node or (self.found[place] in self.made and self._can(place, ours))
        node = ours.node
        if self.sign(node) != self.sign(like):
            if not self._can(place, ours):
                return False
            sizes = self.third[place].inputs[0].sizes
            start = Node("constant", sizes, node.scope, [], {"shape": sizes, "value": node.keys["value"]})
            node = Node(like.op, like.sizes, like.scope, [Out(start)], dict(like.keys))
            self.made[node] = start
        self.found[place] = node
        return all(
            self.pair(self.place[theirs.node], theirs.name, out)
            for out, theirs in zip(node.reads(), like.reads())
            if theirs.node in self.place
        )

    def _can(self, place: int, ours: Out) -> bool:
        """Whether a constant can stand for a view of a state: it is uniform, and has the view's sizes."""
        like, state = self.second[place], self.third[place].inputs[:1]
        uniform = ours.node.op == "constant" and "value" in ours.node.keys
        return (
            uniform
            and like.op in ("reshape", "flatten", "transpose")
            and state[0].node in self.place
            and ours.sizes == like.sizes
        )
