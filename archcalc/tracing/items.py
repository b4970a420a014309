"""The items of a spec before they are text: layers, merges, residuals, repeats and calls of modules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from typing import Union

from archcalc.records import NamedTuple
from archcalc.tracing.calls import Scope
from archcalc.tracing.graph import Node, Out


class State(NamedTuple):
    """What a repeat passes from copy to copy: the node that stands for it, its start, and what gives its next value in
    the first copy and in the last."""

    node: Node
    start: Out
    following: Out
    last: Out


class Item:
    """One entry of a list of layers.

    Attributes:
        node: a layer; body: or the call of a module; layers, shortcut: or a residual, or a repeat of `count`; of a
        scan, what runs at each step.
        source: what it reads, if that is not the tensor before it.
        operands: of a merge: tensors, None for the one before, or lists of items.
        beside: further inputs of a module call; gives: its output; copies: the items that a repeated one stands for;
        states: of a repeat.
    """

    __slots__ = (
        "beside", "body", "copies", "count", "gives", "layers", "node", "operands", "shortcut", "source", "states",
    )  # fmt: skip

    def __init__(self, gives: Out | None, node: Node | None = None, body: Body | None = None) -> None:
        self.gives = gives
        self.node = node
        self.body = body
        self.source: Out | None = None
        self.beside: list[Out] = []
        self.operands: list[Operand] | None = None
        self.layers: list[Item] | None = None
        self.shortcut: list[Item] | None = None
        self.count = 1
        self.copies: list[Item] = []
        self.states: list[State] = []

    def nodes(self) -> Iterator[Node]:
        """Its layers in running order, all copies one after the other."""
        for one in self.copies:
            yield from one.nodes()
        if self.copies:
            return
        for inner in self.inner():
            for item in inner:
                yield from item.nodes()
        if self.body is not None:
            for item in self.body.items:
                yield from item.nodes()
        elif self.node is not None and self.layers is None:
            yield self.node

    def inner(self) -> Iterator[list[Item]]:
        """The lists of items in it."""
        for one in self.operands or ():
            if isinstance(one, list):
                yield one
        if self.layers is not None:
            yield self.layers
        if self.shortcut is not None:
            yield self.shortcut


Operand = Union[Out, None, list[Item]]


class Body:
    """The layers of one module call: from one tensor, and possibly others, to another."""

    def __init__(self, scope: Scope | None, start: Out | None, end: Out, beside: Sequence[Out] = ()) -> None:
        self.scope = scope
        self.start = start
        self.end = end
        self.beside = list(beside)
        self.items: list[Item] = []


def flat(items: Sequence[Item]) -> Iterator[Item]:
    """All layers, including those of the modules that are called."""
    for item in items:
        if item.body is not None:
            yield from flat(item.body.items)
        elif any(True for _ in item.inner()):
            yield Item(None, Node("nested", (), None, [], {}))
        else:
            yield item


def weight(items: Sequence[Item]) -> int:
    """How many layers a list has."""
    return sum(
        weight(item.body.items) if item.body is not None else 1 + sum(weight(inner) for inner in item.inner())
        for item in items
    )


def head(out: Out) -> Item:
    """An item that only passes on a tensor, so that what follows continues from it."""
    item = Item(out, Node("identity", out.sizes, None, [out], {}))
    item.source = out
    return item


def is_static(items: Sequence[Item]) -> bool:
    """Whether a list starts from a parameter or constant."""
    first = items[0]
    return first.node is not None and first.node.op in ("parameter", "constant")


def renamed(items: Sequence[Item], old: Out, new: Out) -> list[Item]:
    """Copies of items that read one tensor in place of another where they read it by name."""
    found: list[Item] = []
    for item in items:
        one = copy(item)
        if item.source == old:
            one.source = new
        one.beside = [new if each == old else each for each in item.beside]
        if item.operands is not None:
            one.operands = [
                renamed(each, old, new) if isinstance(each, list) else new if each == old else each
                for each in item.operands
            ]
        if item.layers is not None:
            one.layers = renamed(item.layers, old, new)
        one.states = [each._replace(start=new) if each.start == old else each for each in item.states]
        if item.shortcut is not None:
            one.shortcut = renamed(item.shortcut, old, new)
        if item.node is not None and item.node.loop is not None:
            one.node = copy(item.node)
            one.node.loop = item.node.loop.renamed(old, new)
        if item.node is not None and old in item.node.keys.values():
            one.node = copy(item.node)
            one.node.keys = {key: new if value == old else value for key, value in item.node.keys.items()}
        found.append(one)
    return found
