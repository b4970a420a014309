"""The cost of the backward pass: which gradients are needed, and the products that compute them.

A layer runs backward if it depends on a trained parameter and an output of the model depends on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableMapping
from dataclasses import dataclass
from typing import Any

from archcalc.layers.tensor import Alias, Tensor
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.network.paths import enter_copies, running
from archcalc.quantity import plain

# Which one of several equal copies.
FIRST, BETWEEN, LAST = range(3)


@dataclass
class Backward:
    """A layer in the backward pass.

    Attributes:
        node: the layer.
        needs: for each input, whether its gradient is needed.
        stored: how many copies run this way, each with its own weights.
        runs: how often they run for one sample.
        copies: which copy of each group around it, the outermost first.
        beside: whether a gradient arrives only at its further outputs.
    """

    node: Node
    needs: tuple[bool, ...]
    stored: int
    runs: int
    copies: tuple[int, ...] = ()
    beside: bool = False

    def but(self, **changes: object) -> Backward:
        """The same with other values, like `dataclasses.replace` but several times faster."""
        other = object.__new__(Backward)
        other.__dict__.update(self.__dict__, **changes)
        return other

    def macs(self, batch: int) -> int:
        """Multiply-accumulates of all runs for a whole batch."""
        if not self.node.macs:
            return 0
        assert self.node.layer is not None
        learns = self.node.learns_itself  # adapters have products of their own
        each = int(self.node.layer.backward_macs(learns, self.needs, self.node.exit, *self.node.inputs))
        return self.node.runs(self.stored, self.runs, batch) * each


def backward_macs(graph: Graph, found: Iterable[Backward] | None = None) -> int:
    """Multiply-accumulates of a whole backward pass, for the whole batch.

    The gradient of a model input is not computed. The first of equal copies may not need the gradient of its input,
    which all others need.

    Args:
        graph: the network.
        found: the layers that run backward, if already known.
    """
    return sum(one.macs(graph.batch) for one in (backward(graph) if found is None else found))


def backward(graph: Graph) -> Iterator[Backward]:
    """The layers that run backward, last first; copies that need different gradients are listed apart."""
    flows: dict[int, bool] = {}
    _forward(graph.nodes, flows)
    yield from _through(
        graph.nodes, flows, {key for y in graph.outputs.values() if not y.integer for key in _family(y)}, 1, 1
    )


def _family(tensor: Tensor) -> Iterator[int]:
    """A tensor and the further outputs that come with it."""
    yield id(tensor)
    yield from map(id, (tensor.outputs or {}).values())


def sources(node: Node) -> tuple[Tensor, ...]:
    """The inputs that receive a gradient from the layer's output; whole numbers have none."""
    if node.layer is None or node.layer.ends_gradients or node.exit.integer:
        return ()
    return node.layer.sources(*node.inputs)


# -- which tensors depend on a parameter ----------------------------------------------------

Flows = MutableMapping[int, bool]


class _Over(Flows):
    """What is known of one copy's tensors, layered over `below`, except for those the copy makes anew."""

    def __init__(self, below: Flows, stale: set[int]) -> None:
        self._own: dict[int, bool] = {}
        self._below = below
        self._stale = stale

    def __getitem__(self, key: int) -> bool:
        if key in self._own:
            return self._own[key]
        if key in self._stale:
            raise KeyError(key)
        return self._below[key]

    def __setitem__(self, key: int, value: bool) -> None:
        self._own[key] = value

    def __delitem__(self, key: int) -> None:
        self._own.pop(key, None)
        self._stale.add(key)

    def __contains__(self, key: object) -> bool:
        return key in self._own or (key not in self._stale and key in self._below)

    def get(self, key: int, default: Any = None) -> Any:
        """Like the method of a dict."""
        own = self._own.get(key)
        if own is not None:
            return own
        return default if key in self._stale else self._below.get(key, default)

    def update(self, *others: Any, **_: bool) -> None:
        """Like the method of a dict."""
        self._own.update(*others)

    def __iter__(self) -> Iterator[int]:
        yield from self._own
        yield from (key for key in self._below if key not in self._own and key not in self._stale)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _forward(nodes: list[Node], flows: Flows) -> None:
    """Note in `flows` which tensors depend on a parameter that is trained."""
    for node in nodes:
        enter_copies(node, flows)
        _forward_once(node, flows)
        if node.copies > 1:
            # A copy gives a dependent tensor if the first does, or if it only passes on what it gets.
            flows.update(dict.fromkeys(_family(node.output), flows.get(id(node.exit), False)))


def _forward_once(node: Node, flows: Flows) -> None:
    for child in node.children:
        if child.is_expert:
            flows[id(child.inputs[0])] = flows.get(id(node.inputs[0]), False)
    _forward(node.children, flows)
    if node.listed:
        _later_steps(node, flows)
    if node.layer is not None:
        depends = node.learns or any(flows.get(id(tensor), False) for tensor in sources(node))
        flows.update(dict.fromkeys(_family(node.exit), depends))
        flows.update((id(extra), False) for extra in (node.exit.outputs or {}).values() if extra.integer)
    elif node.unfolded:
        flows[id(node.output)] = flows.get(id(node.children[-1].output), False)


def _later_steps(node: Node, flows: Flows) -> None:
    """Go on until no state of a scan depends on more than in the step before."""
    new = _arriving(node, flows)
    inside = {*_made(node.children), *map(id, node.states.values())} if new else set()
    while new:
        for start in _starts(
            node.children, inside
        ):  # of copies and scans further in, which start from other values now
            flows.pop(start, None)
        flows.update(dict.fromkeys(new, True))
        _forward(node.children, flows)
        new = _arriving(node, flows)
    flows.update((id(every), flows.get(id(one), False)) for one, every in node.listed)


def _arriving(node: Node, flows: Flows) -> list[int]:
    """The states that depend on a parameter in the next step, and did not so far."""
    states = [(id(state), id(node.further[name])) for name, state in node.states.items()]
    return [state for state, after in states if flows.get(after, False) and not flows.get(state, False)]


# -- which of them an output depends on -----------------------------------------------------


def _through(nodes: list[Node], flows: Flows, used: set[int], stored: int, runs: int) -> Iterator[Backward]:
    """Back through `nodes`; `used` holds the tensors that a gradient arrives at."""
    for node, before in zip(reversed(nodes), [*reversed(nodes[:-1]), None]):
        if node.copies > 1 and any(key in used for key in _family(node.output)):
            used.add(id(node.exit))
        if node.listed:
            yield from _steps(node, flows, used, stored, runs)
        elif node.copies == 1:
            yield from _once(node, flows, used, stored, runs)
        else:
            yield from _copies(node, running(node, before), flows, used, stored, runs)
        for entry in node.entries:
            if isinstance(entry, Alias):
                used.update(
                    id(alias.origin)
                    for alias in (entry, *(entry.outputs or {}).values())
                    if id(alias) in used and isinstance(alias, Alias)
                )


def _copies(
    node: Node, entry: Tensor | None, flows: Flows, used: set[int], stored: int, runs: int
) -> Iterator[Backward]:
    """The last copy, and those before it if it depends on them, the first for itself."""
    further: Flows = flows
    if entry is not None:
        stale = set(_starts(node.children, {*_family(entry), *_made(node.children)}))  # copies further in start anew
        further = _Over(flows, stale)
        further.update(dict.fromkeys(_family(entry), flows.get(id(node.exit), False)))
        _forward_once(node, further)
    inside = {*_made(node.children), *_states(node.children)}
    read = used & inside  # of the last copy, from outside as well
    last = list(_once(node, further, used, stored, runs))
    yield from (one.but(copies=(LAST, *one.copies)) for one in last)
    if entry is None or not any(key in used for key in _family(entry)):
        return
    read_on = {id(node.exit), *(id(given) for extra, given in _pairs(entry, node.exit) if id(extra) in used)}
    used -= inside
    used |= read_on
    inner = last
    if read != read_on:
        reached = set(used)
        inner = list(_once(node, further, reached, stored, runs))
        used |= reached - inside
    for one in inner:
        between = node.copies - 2
        yield one.but(stored=one.stored * between, runs=one.runs * between, copies=(BETWEEN, *one.copies))
    for one in _once(node, flows, used, stored, runs):
        yield one.but(copies=(FIRST, *one.copies))


def _pairs(entry: Tensor, given: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """The further outputs that a copy starts from, each with that of the copy before it."""
    outputs = given.outputs or {}
    yield from ((extra, outputs[name]) for name, extra in (entry.outputs or {}).items() if name in outputs)


def _states(nodes: list[Node]) -> Iterator[int]:
    """The states of all scans in `nodes`."""
    for node in nodes:
        yield from map(id, node.states.values())
        yield from _states(node.children)


def lag(node: Node) -> int:
    """How many steps at either end of a scan may differ from those between, since states are handed on."""
    handed = any(node.further[name] in node.states.values() for name in node.states)
    return len(node.states) if handed else 0


def place(node: Node, index: int, steps: int) -> int:
    """The step of a scan among its `copies`: the first, the last, one near either, or one between them."""
    if index == 0:
        return FIRST
    behind = steps - 1 - index
    if behind == 0:
        return LAST
    near = lag(node)
    return -2 * index if index <= near else -2 * behind - 1 if behind <= near else BETWEEN


def _steps(node: Node, flows: Flows, used: set[int], stored: int, runs: int) -> Iterator[Backward]:
    """The steps of a scan from the last one back: states that a step reads have a gradient in the step before."""
    listed = {id(one) for one, every in node.listed if id(every) in used}
    inside = {*_made(node.children), *map(id, node.states.values())}
    after = {name: id(tensor) for name, tensor in node.further.items()}
    begun = _first_steps(node, flows, inside)
    steps = plain(node.work)
    ends, index = used | listed, steps - 1
    always = ends - ({*after.values()} - listed)
    outside: set[int] = set()  # what a later step reads, which the first need not
    while index >= 0:
        here, alike, times = place(node, index, steps), 1, runs
        ends_there = ends
        while True:
            reached = set(ends_there)
            flow = begun[index] if index < len(begun) else flows
            found = list(_through(node.children, flow, reached, stored, times))
            before = always | {after[name] for name, state in node.states.items() if id(state) in reached}
            if here != BETWEEN or before <= ends_there:
                break
            ends_there |= before
        if here == BETWEEN:
            alike = index - lag(node)
            found = [one.but(runs=one.runs * (node.work - (steps - alike))) for one in found]
        yield from (one.but(copies=(here, *one.copies)) for one in found)
        if index >= alike:
            outside |= reached - inside
        else:
            used |= reached | outside
        ends = before
        index -= alike


def _first_steps(node: Node, flows: Flows, inside: set[int]) -> list[Flows]:
    """Which tensors depend on a parameter in each of the steps at the start, where states may not do so yet."""
    begun: list[Flows] = []
    for _ in range(1 + lag(node)):
        one = _Over(flows, {*inside, *_starts(node.children, inside)})
        enter_copies(node, one)
        if begun:
            one.update({id(state): begun[-1].get(id(node.further[name]), False) for name, state in node.states.items()})
        _forward(node.children, one)
        begun.append(one)
    return begun


def _made(nodes: list[Node]) -> Iterator[int]:
    """All outputs of nodes, including those inside them."""
    for node in nodes:
        yield from _family(node.exit)
        yield from _family(node.output)
        yield from _made(node.children)


def _starts(nodes: list[Node], inside: set[int]) -> Iterator[int]:
    """The inputs of copies in `nodes` that stand for one of the tensors `inside`, which differ between copies."""
    for node in nodes:
        for tensor in node.inputs:
            if isinstance(tensor, Alias):
                origin: Tensor = tensor.origin
                while isinstance(origin, Alias) and id(origin) not in inside:
                    origin = origin.origin
                if id(origin) in inside:
                    yield from _family(tensor)
        yield from _starts(node.children, inside)


def _once(node: Node, flows: Flows, used: set[int], stored: int, runs: int) -> Iterator[Backward]:
    if node.layer is None:
        yield from _through(node.children, flows, used, stored * node.weights, runs * node.work)
        return
    if any(key in used for key in _family(node.exit)) and flows.get(id(node.exit), False):
        needs = tuple(flows.get(id(tensor), False) for tensor in node.inputs)
        yield Backward(node, needs, stored, runs, beside=id(node.exit) not in used)
        used.update(id(tensor) for tensor in sources(node) if not tensor.integer)
    yield from _through(node.children, flows, used, stored, runs)
    if any(child.is_expert and id(child.inputs[0]) in used for child in node.children):
        used.add(id(node.inputs[0]))
