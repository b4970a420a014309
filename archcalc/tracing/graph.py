"""The intermediate form: a graph of layers of the language, each with the module call that it comes from.

A node is one layer: its name and keys in the language, what it reads, the sizes of one sample that come out. The calls
of modules around it (`scope`) are the hierarchy that blocks are made from. Patterns replace nodes by others;
`structure.py` turns what is left into the items of a spec.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archcalc.records import NamedTuple
from archcalc.tracing.calls import Scope, Value

# A size, a number, true or false, a word, text in quotes, or another node's output.
Key = Any
Sizes = tuple[int, ...]
# The last word of the names of buffers that a layer has beside its parameters.
STORED = ("running_mean", "running_var", "_u", "_v")


class Out(NamedTuple):
    """One output of a node: the main one has no name."""

    node: Node
    name: str = ""

    @property
    def sizes(self) -> Sizes:
        """What it has for one sample."""
        return self.node.further[self.name] if self.name else self.node.sizes


class Node:
    """One layer.

    Attributes:
        op: its name in the language; `input` for an input of the model.
        keys: by their names in the language, those with a PyTorch default included; an `Out` for the name of a layer.
        inputs: what it reads, in order; an operand that is a key as well (`sdpa q=`) stands in both.
        sizes: of the output for one sample; further: of further outputs, by name.
        scope: the call of a module that it comes from.
        weights: the module's parameters and buffers by their names in the layer.
        tie: an earlier node with the same weights.
        place: file and line of the call; macs: what PyTorch counted in it, None where that is not known.
        rows: of attention, which rows of the module's maps are its queries, keys and values, by letter.
        hides: of a constant that is a mask, the truth that hides, the number that then stands there, and the other one.
        holds: of a constant what it holds, of a convolution its weight where that is computed; over: the parameter that
        this weight has as a factor, and that is a layer of its own.
        loop: of a `scan` what runs at each step; within: of what runs there the scan.
    """

    __slots__ = (
        "further", "hides", "holds", "inputs", "keys", "loop", "macs", "op", "over", "place", "rows", "scope", "sizes", "tie",
        "weights", "within",
    )  # fmt: skip

    def __init__(self, op: str, sizes: Sizes, scope: Scope | None, inputs: list[Out], keys: dict[str, Key]) -> None:
        self.op = op
        self.sizes = tuple(sizes)
        self.scope = scope
        self.inputs = inputs
        self.keys = keys
        self.further: dict[str, Sizes] = {}
        self.weights: dict[str, str] = {}
        self.tie: Node | None = None
        self.place: tuple[str, int] = ("", 0)
        self.macs: int | None = None
        self.rows: dict[str, Any] | None = None
        self.holds: Value | None = None
        self.hides: tuple[bool, float, float] | None = None
        self.over: str | None = None
        self.loop: Loop | None = None
        self.within: Node | None = None

    def reads(self) -> Iterator[Out]:
        """Everything that it reads, keys and the node that it is tied to included."""
        yield from self.inputs
        for value in self.keys.values():
            if isinstance(value, Out) and value not in self.inputs:
                yield value

    def __repr__(self) -> str:
        return f"<{self.op} {self.keys} -> {list(self.sizes)}>"


class Loop:
    """What a `scan` does.

    Attributes:
        entries: what stands for an entry of one step, and the tensor that it is of.
        states: what stands for a state, what it starts from, None for zeros, and what gives its next value.
        nodes: the layers of a step; end: what a step gives; is_back: whether it goes from the last entry to the first.
    """

    def __init__(
        self,
        entries: list[tuple[Node, Out]],
        states: list[tuple[Node, Out | None, Out]],
        nodes: list[Node],
        end: Out,
        is_back: bool,
    ) -> None:
        self.entries = entries
        self.states = states
        self.nodes = nodes
        self.end = end
        self.is_back = is_back

    def stand_ins(self) -> list[Node]:
        """The nodes that stand for entries and states, each with its name as a key."""
        return [*(node for node, _ in self.entries), *(node for node, _, _ in self.states)]

    def graph(self, name: str) -> Graph:
        """One step as a graph."""
        found = Graph(name)
        found.inputs = {node.keys["name"]: node for node in self.stand_ins()}
        found.nodes = [*self.stand_ins(), *self.nodes]
        found.outputs = [("", self.end)]
        return found

    def references(self) -> Iterator[Out]:
        """What is read by name beside its layers."""
        for node, over in self.entries:
            yield from (Out(node), over)
        for node, start, following in self.states:
            yield from (Out(node), *((start,) if start is not None else ()), following)

    def renamed(self, old: Out, new: Out) -> Loop:
        """The same, which reads another tensor where it read one."""
        entries = [(node, new if over == old else over) for node, over in self.entries]
        states = [(node, new if start == old else start, following) for node, start, following in self.states]
        return Loop(entries, states, self.nodes, self.end, self.is_back)


class Graph:
    """All nodes in the order of the run.

    Attributes:
        name: the model's; inputs: its `input` nodes with their names; outputs: what it gives, by name.
        remarks: what the spec cannot say, for its head.
        turned: weights of linear layers that the source holds as input features by output features.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[Node] = []
        self.inputs: dict[str, Node] = {}
        self.outputs: list[tuple[str, Out]] = []
        self.remarks: list[str] = []
        self.turned: set[str] = set()
        self.hidden: list[tuple[Node, str]] = []

    def users(self) -> dict[Out, list[Node]]:
        """Who reads each output; the model's outputs are read by nobody here."""
        found: dict[Out, list[Node]] = {}
        for node in self.nodes:
            for out in node.reads():
                found.setdefault(out, []).append(node)
        return found

    def drop_unread(self) -> None:
        """Takes out the nodes that nothing reads; the weights of one that others are tied to are then those of the first."""
        needed = {id(out.node) for _, out in self.outputs}
        kept: list[Node] = []
        for node in reversed(self.nodes):
            if id(node) in needed or node.op == "input":
                kept.append(node)
                needed |= {id(out.node) for out in node.reads()}
                inside = node.loop.nodes if node.loop is not None else []
                needed |= {id(one.tie) for one in inside if one.tie is not None}
        self.nodes = kept[::-1]
        owners: dict[Node, Node] = {}
        for node in self.nodes:
            if node.tie is not None and id(node.tie.within or node.tie) not in needed:
                first = owners.setdefault(node.tie, node)
                node.tie = first if first is not node else None
