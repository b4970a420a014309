"""What a comparison needs to know about a layer."""

from __future__ import annotations

from math import prod
from typing import Any

from archcalc.layers.layout import Layout
from archcalc.network.graph import Node

# What a layer reads: the layer that computes it, by its place in the list, or the name of an input; which of its
# outputs; and whether this holds only in later copies, which read the output of the copy before.
Read = tuple["int | str", str, bool]
# A level of copies: the id of what is copied, the number of the first copy, and how many there are.
Level = tuple[str, int, int]


class LayerRecord:
    """A layer of one of the networks; the costs are those of all its copies.

    Attributes:
        id: its id; for copies, that of the first.
        name: its name in the spec, if any.
        content: its op and the values of its keys, regardless of inputs and name.
        reads: its inputs, in order.
        ties: its parameters that belong to another layer, with the place of that layer in the list.
        pattern: its path in a state dict, `#` for the number of a copy; levels: the copies, outermost first.
        stem: the same path, with `*` for the number that distinguishes equal names.
        groups: the blocks and lists around it, outermost first, each with the number of levels down to it.
        inputs: the shapes and layouts of its inputs, and what their whole numbers index; output: the shape of its output.
        count: the number of copies; runs: how often they run for one sample, in total.
        frozen: whether it has parameters that are not trained.
        cached: whether the spec has generation keep its output.
        stored: named shapes of its own parameters and buffers, each set for some of the copies.
        node: its node in the graph; None if from saved JSON.
    """

    __slots__ = (
        "cached", "content", "count", "frozen", "groups", "id", "inputs", "levels", "macs", "name", "node", "op", "output", "params",
        "pattern", "reads", "runs", "stem", "stored", "ties", "words",
    )  # fmt: skip

    def __init__(self, id: str, op: str, content: tuple[Any, ...]) -> None:
        self.id = id
        self.op = op
        self.content = content
        self.name: str | None = None
        self.node: Node | None = None
        self.words = ""
        self.reads: tuple[Read, ...] = ()
        self.ties: tuple[tuple[str, int], ...] = ()
        self.pattern = id
        self.stem = id
        self.levels: tuple[Level, ...] = ()
        self.groups: tuple[tuple[Node, int], ...] = ()
        self.inputs: tuple[tuple[tuple[int, ...], Layout, tuple[int, ...] | None], ...] = ()
        self.output: tuple[int, ...] = ()
        self.stored: tuple[tuple[tuple[Level, ...], dict[str, tuple[int, ...]]], ...] = ()
        self.count = 1
        self.runs = 1
        self.params = 0
        self.frozen = False
        self.cached = False
        self.macs = 0

    def __repr__(self) -> str:
        return f"LayerRecord({self.id!r}, {self.label!r})"

    @property
    def label(self) -> str:
        """Its label in reports."""
        return self.words or (self.node.label if self.node is not None else self.op)

    @property
    def trainable(self) -> int:
        """The number of its trained parameters."""
        return 0 if self.frozen else self.params

    def settle(self) -> None:
        """Keep what is reported of it, and release its graph."""
        self.words, self.output = self.label, tuple(map(int, self.output))
        self.node, self.groups, self.content, self.inputs, self.stored = None, (), (), (), ()

    @property
    def copies(self) -> int:
        """How many layers it stands for, counting every expert."""
        return prod(number for _, _, number in self.levels) if self.levels else self.count

    def costs_as(self, other: LayerRecord) -> bool:
        """Whether one run of a copy has the same costs and output shape as one of `other`."""
        return (
            self.params * other.copies == other.params * self.copies
            and self.macs * other.runs == other.macs * self.runs
            and self.output == other.output
        )
