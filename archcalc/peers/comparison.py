"""A network's counts compared with another tool's, for each node and in total."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError
from archcalc.network.edges import Edges
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.network.sharing import Sharing
from archcalc.peers.base import Deltas, Peer
from archcalc.peers.call import Call
from archcalc.peers.trace import UNUSED, Trace
from archcalc.quantity import plain

MEASURES = ("macs", "params")


class Tally:
    """What a tool counts of a node in addition to us.

    Attributes:
        macs, params: the sums for each reason.
        unknown: for how many layers it is unknown, for each of `MEASURES`.
    """

    __slots__ = ("macs", "params", "unknown")

    def __init__(self) -> None:
        self.macs: Counter[str] = Counter()
        self.params: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()

    def add(self, measure: str, deltas: Deltas | None, times: int, copies: int) -> None:
        """Add the counts of one layer, `times` times."""
        if deltas is None:
            self.unknown[measure] += copies
            return
        for why, count in deltas.items():
            getattr(self, measure)[why] += times * count

    def __iadd__(self, other: Tally) -> Tally:
        self.macs.update(other.macs)
        self.params.update(other.params)
        self.unknown.update(other.unknown)
        return self

    def reasons(self) -> list[str]:
        """Why the tool's numbers differ, in the order of the network."""
        return [why for why in dict.fromkeys([*self.macs, *self.params]) if self.macs[why] or self.params[why]]


class Comparison:
    """Our counts of a network, and those of `peer` for the module built from it.

    Raises:
        RequestError: the tool runs one sample, but the batch is not 1.
    """

    def __init__(self, graph: Graph, peer: Peer) -> None:
        if peer.one_sample and graph.batch != 1:
            raise RequestError(f"{peer.name} always counts one sample: leave out --batch")
        self.graph, self.peer = graph, peer
        self.costs = Costs(graph)
        self._edges = Edges(graph.nodes)
        self._sharing = Sharing(graph.nodes)
        self._trace = Trace(graph, self._edges) if peer.traces else None
        self._twice = _in_two_places(graph.nodes, self._sharing)
        self._own: dict[int, Tally] = {}
        self._total: dict[int, Tally] = {}
        self._copies: dict[int, int] = {}
        self.totals = Tally()
        for node in graph.nodes:
            self.totals += self._add(node, 1, 1, 1, False)

    def own(self, node: Node) -> Tally:
        """The tally of the node alone, over all its copies."""
        return self._own[id(node)]

    def total(self, node: Node) -> Tally:
        """The tally of the node with everything inside it, over all its copies."""
        return self._total[id(node)]

    def copies(self, node: Node) -> int:
        """The number of copies of the node, including those of the groups around it."""
        return self._copies[id(node)]

    @property
    def macs(self) -> int | None:
        """The tool's count in our unit; None if unknown."""
        return None if self.totals.unknown["macs"] else self.costs.totals.macs + self.totals.macs.total()

    @property
    def params(self) -> int | None:
        """The tool's number of parameters; None if unknown or not counted."""
        if self.totals.unknown["params"] or not self.peer.counts_params:
            return None
        return self.costs.totals.params + self.totals.params.total()

    def _add(self, node: Node, weights: int, work: int, copies: int, reused: bool) -> Tally:
        weights *= node.weights * node.copies
        work *= node.work * node.copies
        copies *= node.copies
        reused = reused or self._sharing.is_reused(node)
        own = Tally()
        if node.layer is not None:
            call = Call(node, self.graph, self._edges, reused)
            # entries of an `each` are samples of the call
            own.add("macs", self._macs(call), node.runs(weights, work, 1) // plain(node.exit.entries), copies)
            if self.peer.counts_params:
                own.add("params", self._params(call), weights, copies)
        total = Tally()
        total += own
        for child in node.children:
            total += self._add(child, weights, work, copies, reused)
        self._copies[id(node)], self._own[id(node)], self._total[id(node)] = copies, own, total
        return total

    def _macs(self, call: Call) -> Deltas | None:
        rule = self.peer.rule_of(call.layer)
        if rule is None or ("macs" in self.peer.places and id(call.node) in self._twice):
            return None
        if self._trace is not None and not self._trace.is_certain:
            return None
        if self._trace is not None and not self._trace.holds(call.node):
            return {UNUSED: -call.macs}
        return rule(call)

    def _params(self, call: Call) -> Deltas | None:
        if not call.weights:
            return {}
        known = "params" not in self.peer.places or id(call.node) not in self._twice
        return self.peer.params(call) if known else None


def _in_two_places(nodes: list[Node], sharing: Sharing) -> set[int]:
    """Layers whose module is contained in several modules: the one that made it, and one it was passed to."""
    scopes = dict(_scopes(nodes, 0))
    found: set[int] = set()
    for node in _all(nodes):
        if sharing.is_reused(node):
            owner = sharing.module_of(node)
            if scopes[id(owner)] != scopes[id(node)]:
                found.update(id(one) for one in _all([owner, node]))
    return found


def _scopes(nodes: list[Node], scope: int) -> Iterator[tuple[int, int]]:
    """For each node, the module that it is in, as a number."""
    for node in nodes:
        yield id(node), scope
        yield from _scopes(node.children, scope if node.inline else id(node))


def _all(nodes: list[Node]) -> Iterator[Node]:
    for node in nodes:
        yield node
        yield from _all(node.children)
