"""Turns loops that ran unrolled into one node: the same layers and weights at each step, reading the step before.

A stretch of nodes that occurs several times in a row is a loop if every step reads the same kinds of things: its own nodes,
what the step before gave (a state), successive entries of a tensor, and tensors from outside.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from copy import copy
from itertools import groupby, pairwise
from typing import Any, NamedTuple

from archcalc.tracing.first_step import crossing, first_step
from archcalc.tracing.graph import Graph, Loop, Node, Out

# Fewer steps are written one after the other; so are all loops if there are more than this many.
_FEWEST, _MOST_LOOPS = 3, 64
# Layers by which successive steps pick their entries, and the key that says which entry.
_PICKS = {"select": "index", "slice": "start"}


class _Read(NamedTuple):
    """What a step reads: one of its own nodes or of the step before, each by its place, or something outside."""

    kind: str
    what: Any
    name: str = ""


class _Entry(NamedTuple):
    """A tensor that a loop runs over: along which axis, from where, up or down, and whether entries keep the axis."""

    over: Out
    axis: int
    start: int
    way: int
    keeps: bool


class _Unlike(Exception):
    """The steps differ."""


def folded(graph: Graph) -> tuple[Graph, dict[Node, Node]] | None:
    """The graph with each loop as one node, and which of its nodes stands for which; None if there are no loops."""
    twins = {node: copy(node) for node in graph.nodes}
    found = _cloned(graph, twins)
    inside: dict[Node, Node] = {}
    for _ in range(_MOST_LOOPS):
        made = _fold(found)
        if not made:
            break
        inside |= made
    return (found, {node: inside.get(twin, twin) for node, twin in twins.items()}) if inside else None


def _cloned(graph: Graph, twins: dict[Node, Node]) -> Graph:
    found = Graph(graph.name)
    for node, twin in twins.items():
        twin.inputs = [Out(twins[out.node], out.name) for out in node.inputs]
        twin.keys = {
            key: Out(twins[value.node], value.name) if isinstance(value, Out) else value
            for key, value in node.keys.items()
        }
        twin.tie = twins.get(node.tie) if node.tie is not None else None
    found.nodes = list(twins.values())
    found.inputs = {name: twins[node] for name, node in graph.inputs.items()}
    found.outputs = [(name, Out(twins[out.node], out.name)) for name, out in graph.outputs]
    return found


def _fold(graph: Graph) -> dict[Node, Node]:
    """Turn the first loop into one node. Returns what stands in it for the nodes of the first step."""
    moving = {node for node in graph.nodes if node.op == "input"}
    # what depends on no data yet is part of the first step if it has the weights of a later one
    moving |= {node.tie for node in graph.nodes if node.tie is not None}
    row: list[Node] = []
    for node in graph.nodes:
        if node in moving or any(out.node in moving for out in node.reads()):
            moving.add(node)
            if node.op not in ("input", "parameter"):
                row.append(node)
    numbers: dict[Hashable, int] = {}
    signs = [numbers.setdefault(_sign(node), len(numbers)) for node in row]
    users = graph.users()
    found = _stretches(row, signs)
    loops = [[row[start + period * step :][:period] for step in range(count)] for start, period, count in found]
    longer = [[first, *steps] for steps in loops if (first := first_step(graph, users, steps, _sign)) is not None]
    for steps in (*longer, *loops):
        try:
            folding = _Folding(graph, steps)
        except _Unlike:
            continue
        folding.put()
        return folding.twins
    return {}


def _sign(node: Node) -> Hashable:
    """A key that is equal for nodes that may do the same in two steps."""
    keys = tuple(
        (key, isinstance(value, Out) or value)
        for key, value in node.keys.items()
        if key not in ("end", _PICKS.get(node.op))
    )
    weights = tuple(node.weights.items())
    return node.op, repr(keys), node.sizes, tuple(node.further.items()), weights, len(node.inputs)


def _stretches(row: list[Node], signs: list[int]) -> Iterator[tuple[int, int, int]]:
    """Where each repeated stretch starts, how long it is, and how often it occurs in a row."""
    places: dict[Hashable, list[int]] = {}
    for place, node in enumerate(row):
        if node.weights or node.op in _PICKS:
            key = tuple(node.weights.items()) or (node.op, node.inputs[0], node.keys.get("axis"))
            places.setdefault((node.op, key), []).append(place)
    tried: set[tuple[int, int]] = set()
    for found in places.values():
        pairs = [(after - before, before) for before, after in pairwise(found)]
        for period, run in groupby(pairs, key=lambda pair: pair[0]):
            first, *others = [place for _, place in run]
            start, end = first, [first, *others][-1] + period + 1
            while start > max(0, first - period + 1) and signs[start - 1] == signs[start - 1 + period]:
                start -= 1
            while end < len(row) and signs[end] == signs[end - period]:
                end += 1
            if any(signs[place] != signs[place + period] for place in range(start, end - period)):
                continue
            steps = (end - start) // period
            starts = range(start, start + (end - start) % period + 1)
            for at in sorted(starts, key=lambda at: crossing(row, at + period, period)):
                if steps >= _FEWEST and (at, period) not in tried:
                    tried.add((at, period))
                    yield at, period, steps


class _Folding:
    """Equal steps, and the one node that replaces them. Raises `_Unlike` if they differ."""

    def __init__(self, graph: Graph, steps: list[list[Node]]) -> None:
        self.graph = graph
        self.steps = steps
        self.place = {node: (at, place) for at, step in enumerate(steps) for place, node in enumerate(step)}
        self.entries: dict[_Entry, Node] = {}
        self.states: dict[tuple[int, str, Out], Node] = {}
        self.around: dict[Out, None] = {}
        self.picked = {place: entry for place in range(len(steps[0])) if (entry := self._picked(place)) is not None}
        self.twins = {node: copy(node) for place, node in enumerate(steps[0]) if place not in self.picked}
        for place, node in enumerate(steps[0]):
            if place not in self.picked:
                self._inputs(place, self.twins[node])
        self.users = graph.users()
        self.stack: tuple[int, str] | None = None
        self.joins: dict[Node, int] = {}
        self.last: list[tuple[int, str]] = []
        self._ends()
        if len({entry.way for entry in self.entries}) > 1 or (not self.states and self.around):
            raise _Unlike

    def _picked(self, place: int) -> _Entry | None:
        """What the steps run over at a place where each takes a different entry."""
        nodes = [step[place] for step in self.steps]
        if nodes[0].op not in _PICKS or len({node.keys[_PICKS[node.op]] for node in nodes}) == 1:
            return None
        return self._entry([Out(node) for node in nodes])

    def _entry(self, outs: list[Out]) -> _Entry:
        """The tensor whose entries these are, in order."""
        first, second = outs[0].node, outs[1].node
        key = _PICKS.get(first.op)
        if key is None or any(out.node.op != first.op for out in outs):
            raise _Unlike
        start, axis, over = first.keys[key], first.keys["axis"], first.inputs[0]
        way = second.keys[key] - start
        size = over.sizes[axis]
        keeps = first.op == "slice"
        if way not in (1, -1) or over.node in self.place or axis > 1 or (len(over.sizes) < 2 and not keeps):
            raise _Unlike
        for at, out in enumerate(outs):
            node = out.node
            wanted = start + way * at
            is_one = not keeps or (node.keys.get("end", size) == wanted + 1 and node.keys.get("step", 1) == 1)
            if node.inputs[0] != over or node.keys["axis"] != axis or node.keys[key] != wanted or not is_one:
                raise _Unlike
        return _Entry(over, axis, start, way, keeps)

    def _inputs(self, place: int, twin: Node) -> None:
        """What the node at a place reads, as the loop has it."""
        nodes = [step[place] for step in self.steps]
        twin.inputs = [self._one([node.inputs[index] for node in nodes]) for index in range(len(twin.inputs))]
        keys = [key for key, value in twin.keys.items() if isinstance(value, Out)]
        twin.keys = {**twin.keys, **{key: self._one([node.keys[key] for node in nodes]) for key in keys}}

    def _one(self, outs: list[Out]) -> Out:
        """What replaces these in the loop, given one for each step."""
        first, *others = [self._read(step, out) for step, out in enumerate(outs)]
        if any(one != others[0] for one in others) and others[0].kind != "around":
            raise _Unlike
        kind, what, name = others[0]
        if kind == "before":
            if first.kind != "around":
                raise _Unlike
            return Out(self._state(what, name, outs[0], outs[1].sizes))
        if kind == "own" and first == others[0]:
            if what in self.picked:
                return Out(self._taken(self.picked[what], outs[0]))
            return Out(self.twins[self.steps[0][what]], name)
        if kind == "around" and all(out == outs[0] for out in outs):
            self.around[outs[0]] = None
            return outs[0]
        if kind == "around" and first.kind == "around":
            return Out(self._taken(self._entry(outs), outs[0]))
        raise _Unlike

    def _read(self, step: int, out: Out) -> _Read:
        if out.node not in self.place:
            return _Read("around", None)
        at, place = self.place[out.node]
        if step - at not in (0, 1):
            raise _Unlike
        return _Read("own" if at == step else "before", place, out.name)

    def _taken(self, entry: _Entry, out: Out) -> Node:
        """The node that stands for an entry."""
        if entry not in self.entries:
            sizes = tuple(size for axis, size in enumerate(entry.over.sizes) if axis != entry.axis) or (1,)
            name = "x" if not self.entries else f"x{len(self.entries) + 1}"
            self.entries[entry] = Node("input", sizes, None, [], {"name": name})
        found = self.entries[entry]
        if not entry.keeps or found.sizes == out.sizes:
            return found
        reshape = Node("reshape", out.sizes, out.node.scope, [Out(found)], {"shape": out.sizes})
        self.twins[reshape] = reshape
        return reshape

    def _state(self, place: int, name: str, start: Out, sizes: tuple[int, ...]) -> Node:
        called = f"h{len(self.states) + 1}" if self.states else "h"
        return self.states.setdefault((place, name, start), Node("input", sizes, None, [], {"name": called}))

    # what is read of it

    def _ends(self) -> None:
        """Who else reads what the steps give: all of it in a row, or only the last step's."""
        ends = {out for _, out in self.graph.outputs}
        last = len(self.steps) - 1
        for node, (at, place) in self.place.items():
            for out in (Out(node), *(Out(node, name) for name in node.further)):
                users = [user for user in self.users.get(out, ()) if user not in self.place]
                others = [user for user in users if not self._is_stacked(user, place, out.name)]
                if (others or out in ends) and at != last:
                    raise _Unlike
                if (others or out in ends) and (place, out.name) not in self.last:
                    self.last.append((place, out.name))
        known = {(place, name) for place, name, _ in self.states}
        for one in self.last:
            if one not in known and self.stack not in (None, one):
                raise _Unlike
            if one not in known:
                self.stack = one
        if any(
            node.tie in self.place and self.place[node.tie][0] for node in self.graph.nodes if node not in self.place
        ):
            raise _Unlike

    def _is_stacked(self, user: Node, place: int, name: str) -> bool:
        """Whether a reader joins the outputs of all steps along an axis where each has size 1."""
        after = self.users.get(Out(user), [])
        if user.op == "reshape" and len(after) == 1:
            user = after[0]
        if user.op != "concat" or self.stack not in (None, (place, name)):
            return False
        if user not in self.joins:
            at = self._run(user, place, name)
            if at is None:
                return False
            self.joins[user], self.stack = at, (place, name)
        return True

    def _run(self, join: Node, place: int, name: str) -> int | None:
        """Where the outputs of the steps start among what is joined; None if they are not there in order."""
        wanted = [Out(step[place], name) for step in self.steps]
        if self._way() < 0:
            wanted.reverse()
        parts = [out.node.inputs[0] if out.node.op == "reshape" and out not in wanted else out for out in join.inputs]
        axis, count = join.keys["axis"], len(wanted)
        at = parts.index(wanted[0]) if wanted[0] in parts else len(parts)
        fits = all(out.sizes[axis] == 1 for out in join.inputs[at : at + count])
        return at if fits and parts[at : at + count] == wanted else None

    def _way(self) -> int:
        return next((entry.way for entry in self.entries), 1)

    # the node

    def put(self) -> None:
        """Replace the steps with one node."""
        graph, first = self.graph, self.steps[0]
        at = max(index for index, node in enumerate(graph.nodes) if node in first)
        made: list[Node] = []
        overs = [(node, self._along(entry, made)) for entry, node in self.entries.items()]
        if not overs:  # only the states pass from step to step
            made.append(Node("constant", (len(self.steps), 1), None, [], {"shape": (len(self.steps), 1), "value": 0}))
            overs = [(Node("input", (1,), None, [], {"name": "step"}), Out(made[-1]))]
        chains = [node.scope.chain() if node.scope else [] for step in self.steps for node in step]
        shared = [calls[0] for calls in zip(*chains) if all(call is calls[0] for call in calls)]
        given = self.stack or (max(place for place in range(len(self.steps[0])) if place not in self.picked), "")
        end = Out(self.twins[self.steps[0][given[0]]], given[1])
        count = len(self.steps)
        scan = Node("scan", (count, *end.sizes), shared[-1] if shared else None, [], {})
        scan.place = first[0].place
        states = []
        for (place, name, start), node in self.states.items():
            begins = () if start.node.op == "constant" and start.node.keys.get("value") == 0 else (start,)
            states.append((node, *(begins or (None,)), Out(self.twins[self.steps[0][place]], name)))
            scan.further[node.keys["name"]] = node.sizes
        scan.inputs = [*(over for _, over in overs), *(start for _, start, _ in states if start), *self.around]
        scan.inputs = list(dict.fromkeys(scan.inputs))
        scan.loop = Loop(overs, states, list(self.twins.values()), end, self._way() < 0)
        for node in self.twins.values():
            node.within = scan
        graph.nodes[at:at] = [*made, scan]
        self._redirect(scan, given)
        for node in graph.nodes:
            if node.tie in self.twins and node not in self.place:
                node.tie = self.twins[node.tie]
        graph.nodes = [node for node in graph.nodes if node not in self.place]
        graph.drop_unread()

    def _along(self, entry: _Entry, made: list[Node]) -> Out:
        """A tensor with exactly these entries along its first axis."""
        found, count = entry.over, len(self.steps)
        low = min(entry.start, entry.start + entry.way * (count - 1))
        if count != found.sizes[entry.axis]:
            sizes = tuple(count if axis == entry.axis else size for axis, size in enumerate(found.sizes))
            keys: dict[str, Any] = {"start": low, "axis": entry.axis}
            if low + count != found.sizes[entry.axis]:
                keys["end"] = low + count
            made.append(Node("slice", sizes, found.node.scope, [found], keys))
            found = Out(made[-1])
        if len(found.sizes) == 1:  # a number at a time, such as a token
            made.append(Node("reshape", (count, 1), found.node.scope, [found], {"shape": (count, 1)}))
            found = Out(made[-1])
        if entry.axis:
            sizes = (found.sizes[1], found.sizes[0], *found.sizes[2:])
            made.append(Node("transpose", sizes, found.node.scope, [found], {"axes": (0, 1)}))
            found = Out(made[-1])
        return found

    def _redirect(self, scan: Node, given: tuple[int, str]) -> None:
        """Make every reader of a step read the scan."""
        graph, last = self.graph, self.steps[-1]
        for join, at in self.joins.items():
            count, axis = len(self.steps), join.keys["axis"]
            whole = len(join.inputs) == count
            sizes = join.sizes if whole else (*join.sizes[:axis], count, *join.sizes[axis + 1 :])
            out = self._moved(Out(scan), sizes, axis, join)
            join.inputs = [*join.inputs[:at], out, *join.inputs[at + count :]]
            if whole:
                _replace(graph, Out(join), out)
        known = {(place, name): node for (place, name, _), node in self.states.items()}
        for place, name in self.last:
            old = Out(last[place], name)
            if (place, name) in known:
                new = Out(scan, known[place, name].keys["name"])
            else:
                index = 0 if self._way() < 0 else len(self.steps) - 1
                picked = Node("select", scan.sizes[1:], scan.scope, [Out(scan)], {"index": index, "axis": 0})
                graph.nodes.insert(graph.nodes.index(scan) + 1, picked)
                new = Out(picked)
            _replace(graph, old, new)

    def _moved(self, out: Out, sizes: tuple[int, ...], axis: int, before: Node) -> Out:
        """What all steps gave, with the axis of the steps where they were joined."""
        apart = (len(self.steps), *sizes[:axis], *sizes[axis + 1 :])
        made: list[Node] = []
        if out.sizes != apart:
            made.append(Node("reshape", apart, before.scope, [out], {"shape": apart}))
            out = Out(made[-1])
        if axis == 1:
            made.append(Node("transpose", sizes, before.scope, [out], {"axes": (0, 1)}))
        elif axis:
            letters = "tabdefgijk"[: len(apart)]
            turned = f"{letters[1 : axis + 1]}t{letters[axis + 1 :]}"
            pattern = f"{' '.join(letters)} -> {' '.join(turned)}"
            made.append(Node("rearrange", sizes, before.scope, [out], {"pattern": pattern}))
        at = self.graph.nodes.index(before)
        self.graph.nodes[at:at] = made
        return Out(made[-1]) if made else out


def _replace(graph: Graph, old: Out, new: Out) -> None:
    """Make every reader of one output read another."""
    for node in graph.nodes:
        if node is new.node:
            continue
        node.inputs = [new if out == old else out for out in node.inputs]
        node.keys = {key: new if value == old else value for key, value in node.keys.items()}
    graph.outputs = [(name, new if out == old else out) for name, out in graph.outputs]
