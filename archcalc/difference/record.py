"""A layer as far as a comparison needs it."""

from __future__ import annotations

from math import prod
from typing import Any

from archcalc.layers.layout import Layout
from archcalc.network.graph import Node

# What a layer reads: the layer that gives it, by its place in the list, or the name of an input; which of its
# outputs; and whether it does so in later copies only, which read what the copy before gave.
Read = tuple["int | str", str, bool]
# A level of copies: the id of what is copied, the number of the first copy, how many there are.
Level = tuple[str, int, int]


class LayerRecord:
    """A layer of one of the networks; the costs are those of all its copies.

    Attributes:
        id: where it stands; of copies the first one's.
        name: the one that the spec gives it, if any.
        content: its op and the values of its keys, whatever it reads and is called.
        reads: its inputs in order.
        ties: its parameters that are another layer's, with the place of that layer in the list.
        pattern: its path in a state dict, `#` for the number of a copy; levels: the copies, outermost first.
        stem: the same path, `*` for the number that a name gets where there are several.
        groups: the blocks and lists around it, outermost first, and how many of the levels are copies of each.
        inputs: the shapes that it reads and what their axes are, output: the shape it gives.
        count: how many copies there are; runs: how often they run for one sample, together.
        frozen: whether it has parameters that are not trained.
        stored: named shapes of its own parameters and buffers, for some of the copies each.
        node: it in its graph; None for one of saved JSON.
    """

    __slots__ = (
        "content", "count", "frozen", "groups", "id", "inputs", "levels", "macs", "name", "node", "op", "output", "params",
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
        self.inputs: tuple[tuple[tuple[int, ...], Layout], ...] = ()
        self.output: tuple[int, ...] = ()
        self.stored: tuple[tuple[tuple[Level, ...], dict[str, tuple[int, ...]]], ...] = ()
        self.count = 1
        self.runs = 1
        self.params = 0
        self.frozen = False
        self.macs = 0

    def __repr__(self) -> str:
        return f"LayerRecord({self.id!r}, {self.label!r})"

    @property
    def label(self) -> str:
        """What is said of it."""
        return self.words or (self.node.label if self.node is not None else self.op)

    @property
    def trainable(self) -> int:
        """Its parameters that are trained."""
        return 0 if self.frozen else self.params

    def settle(self) -> None:
        """Keep what is told of it, and let its graph go."""
        self.words, self.output = self.label, tuple(map(int, self.output))
        self.node, self.groups, self.content, self.inputs, self.stored = None, (), (), (), ()

    @property
    def copies(self) -> int:
        """How many layers it stands for, each expert for itself."""
        return prod(number for _, _, number in self.levels) if self.levels else self.count

    def costs_as(self, other: LayerRecord) -> bool:
        """Whether a copy of it costs and gives what a copy of `other` does, each time it runs."""
        return (
            self.params * other.copies == other.params * self.copies
            and self.macs * other.runs == other.macs * self.runs
            and self.output == other.output
        )
