"""The intermediate form: a graph of layers of the language, each with the module call that it comes from.

A node is one layer: its name and keys in the language, what it reads, the sizes of its output for one sample. The
module calls around it (`scope`) are the hierarchy that blocks are made from. Patterns replace nodes with others;
`structure.py` turns what is left into the items of a spec.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archcalc.records import NamedTuple
from archcalc.tracing.calls import Scope, Value

# A size, a number, true or false, a word, quoted text, or another node's output.
Key = Any
Sizes = tuple[int, ...]
# The last word in the names of buffers that a layer has besides its parameters.
STORED = ("running_mean", "running_var", "_u", "_v")


class Out(NamedTuple):
    """One output of a node: the main one has no name."""

    node: Node
    name: str = ""

    @property
    def sizes(self) -> Sizes:
        """Its sizes for one sample."""
        return self.node.further[self.name] if self.name else self.node.sizes


class Node:
    """One layer.

    Attributes:
        op: its name in the language; `input` for an input of the model.
        keys: by their names in the language, including those at PyTorch's defaults; an `Out` stands for a layer's name.
        inputs: what it reads, in order; an operand that is also a key (`sdpa q=`) stands in both.
        sizes: of the output for one sample; further: those of further outputs, by name.
        scope: the call of a module that it comes from.
        weights: the module's parameters and buffers by their names in the layer.
        tie: an earlier node with the same weights.
        place: file and line of the call; macs: what PyTorch counted in it, None if not known.
        rows: for attention, which rows of the module's weights are its queries, keys and values, by letter.
        hides: for a constant mask, the truth value that hides, the number in its place, and the number for the other.
        holds: the numbers of a constant, or the weight of a convolution if that is computed; over: the parameter that is
        a factor of this weight and becomes a layer of its own.
        loop: of a `scan`, what runs at each step; within: of such a step's layers, the scan.
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
        """Everything that it reads, including keys and the node that it is tied to."""
        yield from self.inputs
        for value in self.keys.values():
            if isinstance(value, Out) and value not in self.inputs:
                yield value

    def __repr__(self) -> str:
        return f"<{self.op} {self.keys} -> {list(self.sizes)}>"


class Loop:
    """What a `scan` does.

    Attributes:
        entries: what stands for an entry at one step, and the tensor that it comes from.
        states: what stands for a state, its start (None for zeros), and what gives its next value.
        nodes: the layers of a step; end: the output of a step; is_back: whether it runs from last entry to first.
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
        """What is read by name besides its layers."""
        for node, over in self.entries:
            yield from (Out(node), over)
        for node, start, following in self.states:
            yield from (Out(node), *((start,) if start is not None else ()), following)

    def renamed(self, old: Out, new: Out) -> Loop:
        """The same, reading one tensor in place of another."""
        entries = [(node, new if over == old else over) for node, over in self.entries]
        states = [(node, new if start == old else start, following) for node, start, following in self.states]
        return Loop(entries, states, self.nodes, self.end, self.is_back)


class Graph:
    """All nodes in the order in which they ran.

    Attributes:
        name: the model's; inputs: its `input` nodes with their names; outputs: by name.
        remarks: what the spec cannot say, for the comments at its top.
        tables: constants that became settings of layers, such as the angles of rotary positions.
        turned: weights of linear layers that the source stores as [in features, out features].
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[Node] = []
        self.inputs: dict[str, Node] = {}
        self.outputs: list[tuple[str, Out]] = []
        self.remarks: list[str] = []
        self.tables: dict[Value, None] = {}
        self.turned: set[str] = set()
        self.hidden: list[tuple[Node, str]] = []

    def users(self) -> dict[Out, list[Node]]:
        """The readers of each output; being an output of the model does not count."""
        found: dict[Out, list[Node]] = {}
        for node in self.nodes:
            for out in node.reads():
                found.setdefault(out, []).append(node)
        return found

    def drop_unread(self) -> None:
        """Remove the nodes that nothing reads; weights that others were tied to then belong to the first of these."""
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
