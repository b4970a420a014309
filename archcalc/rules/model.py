"""A network as rules see it: which layer computes a tensor, which read it, and where a layer is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from archcalc.cost import Costs
from archcalc.diagnostics import Note
from archcalc.language.amounts import parse_amount
from archcalc.language.expressions import describe
from archcalc.layers.base import Layer
from archcalc.layers.shape import Identity
from archcalc.layers.tensor import Tensor
from archcalc.network.edges import Edges
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.network.misread import Misreading, misread
from archcalc.network.paths import depth, fields
from archcalc.rules.before import Before
from archcalc.rules.windows import Window, windows
from archcalc.source import Scalar

if TYPE_CHECKING:
    from archcalc.devices import Device
    from archcalc.network.trial import Trials
    from archcalc.running import Running

_Answer = TypeVar("_Answer")
Spot = tuple[str, int, int]  # a path, a line and a column


class Placed:
    """A layer, and the calls of blocks around it, innermost first."""

    __slots__ = ("calls", "node")

    def __init__(self, node: Node, calls: tuple[Note, ...]) -> None:
        self.node = node
        self.calls = calls


# Which layers a rule looks through, because they do not change what it asks about.
Through = Callable[[Layer], bool]


def nothing(layer: Layer) -> bool:
    """No layer at all."""
    return False


def idle(layer: Layer) -> bool:
    """Layers that pass on their input unchanged."""
    return isinstance(layer, Identity)


class Model(Edges):
    """A graph with its edges, costs, and places of layers, the target device, and the earlier version of the spec.

    `said` has the given run settings.
    """

    def __init__(
        self, graph: Graph, device: Device | None = None, base: Before | None = None, said: Running | None = None
    ) -> None:
        super().__init__(graph.nodes)
        self.graph = graph
        self.device = device
        self.said = said
        self._base = base
        self.layers = list(_placed(graph.nodes, ()))
        self._place = {id(placed.node): placed for placed in self.layers}
        self._windows: dict[int, list[Window] | None] = {}
        self._answers: dict[Callable[[Model], Any], Any] = {}
        self._makers: dict[Through, dict[int, Node | None]] = {}
        self._owners = {id(owner) for placed in self.layers for owner in placed.node.tied.values()}

    @cached_property
    def before(self) -> Model | None:
        """The network in the base; None without a base. Raises `UnknownBaseError`."""
        graph = self._base.graph(self.graph.batch) if self._base else None
        return Model(graph, self.device, said=self.said) if graph else None

    @cached_property
    def trials(self) -> Trials:
        """Tries whether the network is still valid with other arguments."""
        from archcalc.network.trial import Trials  # few rules ask

        return Trials(self.graph)

    @cached_property
    def costs(self) -> Costs:
        """The costs of every node."""
        return Costs(self.graph)

    @cached_property
    def sample_costs(self) -> Costs:
        """The costs of every node for one sample."""
        return Costs(self.graph, batch=1)

    @cached_property
    def depth(self) -> int:
        """The number of layers with weights on the longest path."""
        return depth(self.graph)

    def budgets(self, measure: str) -> Iterator[tuple[Scalar, int]]:
        """The bounds for a measure: the place of each, and its amount."""
        for key, value in self.graph.document.budget:
            amount = parse_amount(value.text) if key.text == measure else None
            if amount is not None:
                yield value, amount

    @cached_property
    def outputs(self) -> set[int]:
        """The ids of the model's output tensors."""
        return {self.name(tensor) for tensor in self.graph.outputs.values()}

    @cached_property
    def fields(self) -> dict[int, Any]:
        """The receptive field of each tensor, by the tensor's id, as in `network.paths`."""
        return fields(self.graph)

    @cached_property
    def numbered(self) -> set[str]:
        """The ops of layers without a name that are in the state dict, where they are told apart by numbers."""
        return {one.node.op for one in self.layers if not one.node.name and (one.node.params or one.node.buffers)}

    @cached_property
    def misread(self) -> list[Misreading]:
        """Inputs of layers that were probably meant otherwise."""
        return misread(self.graph)

    def asked(self, question: Callable[[Model], _Answer]) -> _Answer:
        """The answer to a question that several rules ask, computed once."""
        if question not in self._answers:
            self._answers[question] = question(self)
        answer: _Answer = self._answers[question]
        return answer

    def windows(self, node: Node) -> list[Window] | None:
        """The windows of a convolution or a pooling along each axis; None for any other layer."""
        if id(node) not in self._windows:
            self._windows[id(node)] = windows(node)
        return self._windows[id(node)]

    def placed(self, node: Node) -> Placed:
        """A layer with the block calls around it."""
        return self._place[id(node)]

    def alike(self, node: Node) -> list[Node]:
        """The layers written at the same place in the spec: one for every call of a block."""
        return self._by_spot[spot_of(node)]

    @cached_property
    def _by_spot(self) -> dict[Spot, list[Node]]:
        found: dict[Spot, list[Node]] = {}
        for placed in self.layers:
            found.setdefault(spot_of(placed.node), []).append(placed.node)
        return found

    @cached_property
    def deciding(self) -> set[Spot]:
        """The places of layers that decide a layout: without one of these another layer would decide, or none."""
        return {
            spot_of(placed.node)
            for placed in self.layers
            if any(x.group is not None and x.group.by is placed.node.place for x in placed.node.inputs)
        }

    def everywhere(self, nodes: Iterable[Node]) -> set[Spot]:
        """The places in the spec whose layers are all among `nodes`."""
        found = Counter(spot_of(node) for node in {id(node): node for node in nodes}.values())
        return {spot for spot, count in found.items() if count == len(self._by_spot[spot])}

    def together(self, nodes: list[Node]) -> Iterator[list[Node]]:
        """`nodes` grouped by place."""
        ids = {id(node) for node in nodes}
        for alike in self._by_spot.values():
            group = [node for node in alike if id(node) in ids]
            if group:
                yield group

    @cached_property
    def sharing(self) -> set[Spot]:
        """The places in the spec with a layer whose weights another layer shares."""
        return {spot_of(placed.node) for placed in self.layers if self.shares(placed.node)}

    @cached_property
    def _times(self) -> dict[int, tuple[int, int]]:
        return {id(node): (stored, runs) for node, stored, runs in walk(self.graph.nodes)}

    def stored(self, node: Node) -> int:
        """How many layers with their own weights `node` stands for."""
        return self._times[id(node)][0]

    def told(self, node: Node, runs: bool = False) -> str:
        """A layer and how many copies it stands for, stored or with `runs` computed: "`encoder.0.fc` ×12"."""
        count = self._times[id(node)][runs]
        return f"`{node.id}`" + (f" ×{count:,}" if count > 1 else "")

    def shares(self, node: Node) -> bool:
        """Whether another layer shares weights of `node`."""
        return bool(node.tied) or id(node) in self._owners

    def is_output(self, tensor: Tensor) -> bool:
        """Whether `tensor` is an output of the model."""
        return self.name(tensor) in self.outputs

    def maker(self, tensor: Tensor, through: Through = nothing) -> Node | None:
        """The layer that computes `tensor`, looking through layers for which `through` is true."""
        node, passed = self.producer(tensor), []
        known = self._makers.setdefault(through, {})
        while node is not None and node.layer is not None and through(node.layer):
            if id(node) in known:
                node = known[id(node)]
                break
            passed.append(id(node))
            node = self.producer(node.inputs[0])
        known.update(dict.fromkeys(passed, node))
        return node

    def readers(self, node: Node, through: Through = nothing) -> list[Node]:
        """The layers that read the output of `node`, looking through layers for which `through` is true.

        None if it is an output of the model, or a part of it is read as well.
        """
        found: dict[int, Node] = {}
        seen, pending = {id(node)}, [node]
        while pending:
            one = pending.pop()
            parts = list((one.exit.outputs or {}).values())
            if self.is_output(one.exit) or any(self.consumers(part) or self.is_output(part) for part in parts):
                return []
            for reader in self.consumers(one.exit):
                if reader.layer is None or not through(reader.layer):
                    found[id(reader)] = reader
                elif id(reader) not in seen:
                    seen.add(id(reader))
                    pending.append(reader)
        return list(found.values())

    @property
    def only_input(self) -> Tensor | None:
        """The only input of the model, if it has one."""
        inputs = list(self.graph.inputs.values())
        return inputs[0] if len(inputs) == 1 else None

    def only_consumer(self, node: Node, through: Through = nothing) -> Node | None:
        """The only layer that reads the output of `node`, if nothing else does."""
        readers = self.readers(node, through)
        return readers[0] if len(readers) == 1 else None


def normalises_channels(node: Node) -> bool:
    """Whether a layer removes each channel's own mean and scale."""
    return node.layer is not None and node.layer.normalises_channels(node.exit)


def spot_of(node: Node) -> Spot:
    """Where a layer is written."""
    return node.place.source.path, node.place.line, node.place.column


def _placed(nodes: list[Node], calls: tuple[Note, ...]) -> Iterator[Placed]:
    for node in nodes:
        around = calls
        if node.block and not node.unfolded:
            shown = ", ".join(
                f"{name}={describe(value)}" for name, value in node.arguments.items() if not isinstance(value, Tensor)
            )
            around = (Note(f"in block {node.op}({shown})", node.place), *calls)
        yield from _placed(node.children, around)
        if node.layer is not None:
            yield Placed(node, calls)
