"""The graph: nodes with their tensors, nested as in the spec, equal copies stored once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from archcalc.diagnostics import Span
from archcalc.language.document import Document
from archcalc.language.expressions import describe
from archcalc.language.reserved import MODULE_ATTRIBUTES
from archcalc.language.settings import Settings
from archcalc.layers.base import Layer
from archcalc.layers.layout import EACH
from archcalc.layers.tensor import Shape, Started, Tensor
from archcalc.network.steps import Step
from archcalc.quantity import plain, product
from archcalc.records import NamedTuple
from archcalc.source import Scalar

_LETTERS = "abcdefghijklmnopqrstuvwxyz"

# Groups without a scope of their own.
INLINE = ("branch", "shortcut", "step")


class Adapter(NamedTuple):
    """Two matrices whose product is added to a layer's matrix (LoRA, Hu et al. 2021).

    Attributes:
        name: what they are called next to the layer's own parameters.
        place: which input the matrix reads; -1 for what the layer makes inside.
        rank: the rank of the product.
        columns, rows: the sizes of its input and output.
    """

    name: str
    place: int
    rank: int
    columns: int
    rows: int

    @property
    def shapes(self) -> tuple[Shape, Shape]:
        """The shapes of the matrix applied first and of the second one."""
        return (self.rank, self.columns), (self.rows, self.rank)

    @property
    def numbers(self) -> int:
        """Elements of both."""
        return self.rank * (self.columns + self.rows)


class Node:
    """A layer, or a group of them, in the graph.

    Attributes:
        id: its path, e.g. `stem.conv`; for copies that of the first, e.g. `encoder.0.attention`.
        segment: the last part of the id; for unequal copies the number of the first.
        op: the layer's name, the block's, or `repeat`, `branch`, `expert`.
        layer: the layer with its arguments; None for a group.
        inputs: the tensors it reads; the tensor before it comes first.
        output: its output, after all its copies.
        exit: the output of one copy.
        further: further outputs of one copy, by name: those the block declares, the next values of states.
        states: the states passed from copy to copy, in this copy, by name.
        gathered: the ids of its copies' outputs that are read from outside.
        arguments: the arguments of a block's call.
        defaulted: the names of those left to their defaults.
        children: the layers inside it.
        weights: how many copies of it are stored.
        work: how many of them run for one sample.
        active: how many of the stored ones a position uses.
        listed: for the steps of a scan, the output of one step and the tensor that stands for all of them; `work` is the
            number of steps.
        copies: how many times it is repeated in sequence (`repeat`).
        params, buffers: named shapes that belong only to this node.
        tied: names of parameters that belong to another node, with that node.
        tied_to: the node that `tie=` names.
        macs, other_flops, masked_macs: of this node without its children, for one sample.
        adapters: low-rank adapters of its matrices, trained whether or not the matrices are.
        cached: whether generation keeps its output for each position.
        frozen: whether the parameters are not trained.
        freezes: where the spec says so, or the opposite.
    """

    __slots__ = (
        "active", "adapters", "arguments", "block", "buffers", "cached", "children", "copies", "defaulted", "exit", "freezes", "frozen", "further", "gathered", "id",
        "inputs", "layer", "listed", "macs", "masked_macs", "name", "op", "other_flops", "output", "params", "place", "segment", "states", "tied", "tied_to",
        "unfolded", "weights", "work",
    )  # fmt: skip

    def __init__(self, op: str, place: Span, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        self.op = op
        self.place = place
        self.inputs = inputs
        self.output = output
        self.exit = output
        self.id = ""
        self.segment = ""
        self.name: str | None = None
        self.layer: Layer | None = None
        self.block: bool = False
        self.arguments: dict[str, Any] = {}
        self.defaulted: set[str] = set()
        self.children: list[Node] = []
        self.copies = 1
        self.weights = 1
        self.work = 1
        self.active = 1
        self.unfolded = False
        self.params: dict[str, Shape] = {}
        self.buffers: dict[str, Shape] = {}
        self.tied: dict[str, Node] = {}
        self.tied_to: Node | None = None
        self.further: dict[str, Tensor] = {}
        self.states: dict[str, Started] = {}
        self.listed: list[tuple[Tensor, Tensor]] = []
        self.gathered: dict[str, list[Tensor | None]] = {}
        self.adapters: tuple[Adapter, ...] = ()
        self.frozen = False
        self.cached = False
        self.freezes: Scalar | None = None
        self.macs = 0
        self.other_flops = 0
        self.masked_macs = 0

    def __repr__(self) -> str:
        return f"Node({self.id!r}, {self.op}, {self.output})"

    @property
    def label(self) -> str:
        """How people write it: `conv 64 7×7/2`, `bottleneck 64`."""
        if self.layer is not None:
            return self.layer.label
        words = [self.op]
        if self.op == EACH and not self.block:
            words.append(f"of {plain(self.work):,} entries")
        steps = [child.work for child in self.children if child.listed]
        if steps:
            words.append(f"of {plain(steps[0]):,} steps")
        for index, (name, value) in enumerate(self.arguments.items()):
            if not isinstance(value, Tensor) and name not in self.defaulted:
                words.append(describe(value) if index == 0 else f"{name}={describe(value)}")
        return " ".join(words)

    @property
    def told(self) -> str:
        """The id to show: for the ends of a loop, that of the loop."""
        return self.id if self.layer is None or self.layer.shown else self.id.rpartition(".")[0] or self.id

    @property
    def inline(self) -> bool:
        """Whether the layers inside it belong to the scope around it, as in inline lists."""
        if self.layer is None:
            return self.op in INLINE and not self.block
        return bool(self.children) and not self.layer.scope

    @property
    def learns(self) -> bool:
        """Whether it computes with trained parameters, its own or another node's."""
        return bool(self.adapters) or self.learns_itself

    @property
    def learns_itself(self) -> bool:
        """The same without adapters."""
        return not self.frozen and bool(self.params or self.tied)

    @property
    def trained(self) -> Iterator[Shape]:
        """The shapes of its parameters that are trained."""
        if not self.frozen:
            yield from self.params.values()
        for adapter in self.adapters:
            yield from adapter.shapes

    @property
    def is_expert(self) -> bool:
        """Whether it represents the experts of a mixture."""
        return self.op == "expert" and not self.block

    def runs(self, stored: int, work: int, batch: int) -> int:
        """How often it runs for a batch, if `stored` copies are stored and `work` of them run for one sample.

        A layer that depends only on parameters runs once for each copy.
        """
        return work * batch if self.exit.batched else stored

    @property
    def entries(self) -> tuple[Tensor, ...]:
        """The inputs of a group: the tensor before it, and its states."""
        return (*self.inputs, *self.states.values()) if self.states else self.inputs

    @property
    def titled_inputs(self) -> list[tuple[str, Tensor]]:
        """Its inputs with their titles: `input`, `input b` or `input f(x)`, or `input weight` after the key that names it."""
        own = self.layer.tensors if self.layer is not None else []
        plain = len(self.inputs) - len(own)
        titles = [f"input {name}" for name in self.operands(plain)] if plain > 1 else ["input"][:plain]
        titles += [f"input {name}" for name in own]
        return [(title, x) for title, x in zip(titles, self.inputs) if x.rank]

    def operands(self, count: int) -> list[str]:
        """What the layer's equation calls the `count` tensors that it reads; numbers if there are very many."""
        if self.layer is not None and self.layer.inputs_read:
            return [*self.layer.inputs_read[:count]]
        return [*_LETTERS[:count]] if count <= len(_LETTERS) else [f"{at + 1}" for at in range(count)]

    @property
    def is_view(self) -> bool:
        """Whether the output has no memory of its own."""
        return self.layer is None or self.layer.view


def gather(node: Node, inner: tuple[str, ...], output: str | None) -> list[Tensor | None]:
    """The outputs of all copies of a node, or of a named node inside each of them; None for one without.

    Each group on the way records what has to come out of it.
    """
    path = ".".join((*inner, output or ""))
    copies = node.children if node.unfolded else [node]
    found: list[Tensor | None] = []
    for one in copies:
        if inner:
            named = next((child for child in in_scope(one.children) if child.name == inner[0]), None)
            given = [] if named is None else gather(named, inner[1:], output)
            one.gathered[path] = given
            found += given
        else:
            outputs: dict[str, Tensor] = {**(one.exit.outputs or {}), **one.further}
            found.append(one.exit if output is None else outputs.get(output))
    if node.unfolded:
        node.gathered[path] = found
    return found


def assign_ids(nodes: list[Node], prefix: str = "") -> None:
    """Give every node its id: its name, or its op with a number where its scope has several.

    A name that is an attribute of every PyTorch module gets a trailing `_`: `half_` for `half`.

    A scope is the model, a block's call, a repeat's copy or an expert, so the ids of layers are the paths in a PyTorch
    module with one class for each scope.
    """
    scope = list(in_scope(nodes))
    ops = Counter(node.op for node in scope if not node.name)
    taken = {node.name for node in scope if node.name}
    alone = {op for op, count in ops.items() if count == 1} - taken - MODULE_ATTRIBUTES
    taken |= alone  # a sixth `relu` does not take the name of a `relu6`
    seen: Counter[str] = Counter()
    for node in scope:
        if node.name:
            node.segment = node.name
            while node.segment in MODULE_ATTRIBUTES or (node.segment != node.name and node.segment in taken):
                node.segment += "_"
            taken.add(node.segment)
        elif node.op in alone:
            node.segment = node.op
        else:
            joint = "_" if node.op[-1].isdigit() else ""  # the first of several `relu6` is not `relu61`
            numbered = ops[node.op] > 1 or node.op in MODULE_ATTRIBUTES
            node.segment = node.op
            while numbered and (node.segment == node.op or node.segment in taken):
                seen[node.op] += 1
                node.segment = f"{node.op}{joint}{seen[node.op]}"
            while node.segment in taken:
                node.segment += "_"
            taken.add(node.segment)
        node.id = prefix + node.segment
        if node.unfolded:
            first = 0
            for copy in node.children:
                copy.segment = str(first)
                copy.id = f"{node.id}.{first}"
                assign_ids(copy.children, f"{copy.id}.")
                first += copy.copies
        elif node.layer is not None and node.layer.scope:
            for child in node.children:
                child.segment, child.id = node.layer.scope, f"{node.id}.{node.layer.scope}"
                assign_ids(child.children, f"{child.id}.0.")
        elif node.children and not node.inline:
            assign_ids(node.children, f"{node.id}.0." if node.copies > 1 else f"{node.id}.")


def in_scope(nodes: list[Node]) -> Iterator[Node]:
    """The nodes of one scope, in the order of the spec."""
    for node in nodes:
        yield node
        if node.inline:
            yield from in_scope(node.children)


def steps_of(nodes: list[Node]) -> Iterator[Node]:
    """The nodes of a group in order of execution; inline lists belong to the enclosing group."""
    for node in nodes:
        if node.inline and not node.listed:
            yield from steps_of(node.children)
            if node.layer is not None:
                yield node
        else:
            yield node


def layers_of(nodes: list[Node]) -> Iterator[Node]:
    """Every node that is a layer, in order of execution."""
    for node in nodes:
        yield from layers_of(node.children)
        if node.layer is not None:
            yield node


def walk(nodes: list[Node], weights: int = 1, work: int = 1) -> Iterator[tuple[Node, int, int]]:
    """Every node in order of execution, inner ones first, with how often it is stored and run."""
    for node in nodes:
        stored, run = weights * node.weights * node.copies, work * node.work * node.copies
        if node.children:
            yield from walk(node.children, stored, run)
        yield node, stored, run


class Graph:
    """A network with its shapes filled in.

    Attributes:
        steps: its document's resolved items, which can be reused with other settings.
        inputs: the tensors it reads, by name; the only input of a model is named `input`.
        outputs: the tensors it returns, by name.
        nodes: its layers in order, inner ones as children.
    """

    def __init__(
        self,
        document: Document,
        steps: list[Step],
        settings: Settings,
        batch: int,
        inputs: dict[str, Tensor],
        outputs: dict[str, Tensor],
        nodes: list[Node],
    ) -> None:
        self.document = document
        self.steps = steps
        self.settings = settings
        self.batch = batch
        self.inputs = inputs
        self.outputs = outputs
        self.nodes = nodes

    @property
    def variant(self) -> str | None:
        """The variant that was chosen, or None."""
        return self.settings.variant

    @property
    def given(self) -> Mapping[str, str]:
        """The values of `--set`, as text."""
        return self.settings.given

    @property
    def model(self) -> str:
        """The model's name, with the variant if one was chosen."""
        name = self.document.model.text
        return f"{name}@{self.variant}" if self.variant else name

    @cached_property
    def largest_output(self) -> int:
        """Elements of the largest output of a layer for one sample."""
        return max((plain(product(node.output.shape)) for node, _, _ in walk(self.nodes)), default=0)

    @property
    def path(self) -> str:
        """The path of the spec, as given."""
        return self.document.source.path
