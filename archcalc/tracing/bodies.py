"""Turns equal bodies into blocks and equal neighbours into repeats, and writes the text of both.

A body is written with a gap for each number. Bodies with the same text are one block, and the numbers that differ are
its arguments. A block that is called in only one place is written there, unless its branches would then stay in memory
while what follows runs: a module's variables are freed when it returns.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from typing import Any

from archcalc.layers import REGISTRY
from archcalc.sources.writing import Spec
from archcalc.tracing.block import Block
from archcalc.tracing.calls import Scope
from archcalc.tracing.expressions import Expression, explained
from archcalc.tracing.graph import Graph, Node, Out
from archcalc.tracing.items import Body, Item, head
from archcalc.tracing.naming import base, called, free, names, plain
from archcalc.tracing.repeats import has_tie, repeated
from archcalc.tracing.structure import bodies
from archcalc.tracing.typeset import Writer, numbered


def ways(graph: Graph) -> list[tuple[Spec, Body]]:
    """The specs of a graph, shortest first, each with the body that it is made from.

    One way makes blocks only of modules with one input; if some have several, another makes blocks of these too.
    """
    found = [_shortest(graph, False)]
    if any(body.beside for level in _levels(bodies(graph, True)) for body in level):
        found.append(_shortest(graph, True))
    return sorted(found, key=lambda one: one[0].text().count("\n"))


def _shortest(graph: Graph, wide: bool) -> tuple[Spec, Body]:
    """The shortest spec of a graph, and the body that it is made from.

    A block that ends up inlined may hide that its contents equal what stands beside it. So such blocks are taken apart
    before anything is compared, as long as that makes the spec shorter.
    """
    found = Blocks(graph, bodies(graph, wide), set())
    spec, root = found.spec(), found.root
    apart: set[Scope] = set()
    while more := found.inlined() - apart:
        apart |= more
        found = Blocks(graph, bodies(graph, wide), apart)
        other = found.spec()
        if other.text().count("\n") >= spec.text().count("\n"):
            break
        spec, root = other, found.root
    return spec, root


class Blocks:
    """All bodies of a model, put together. The calls in `apart` do not become blocks."""

    def __init__(self, graph: Graph, root: Body, apart: Collection[Scope]) -> None:
        self.graph = graph
        self.root = root
        self.apart = apart
        self.block: dict[Body, Block] = {}
        self.blocks: list[Block] = []
        for level in _levels(root):
            self._merge(level)
        self._finish(root)
        self._count()

    def _merge(self, level: list[Body]) -> None:
        alike: dict[str, list[tuple[Body, list[Any], list[str]]]] = {}
        for body in level:
            self._finish(body)
            if body.scope in self.apart:
                continue
            text, values, keys = self._gaps(body)
            alike.setdefault(text, []).append((body, values, keys))
        for found in alike.values():
            equal = [body for body, _, _ in found]
            if len(equal) < 2 or _layers(equal[0].items) < 2 or any(has_tie(body.items) for body in equal):
                continue
            block = Block(equal)
            columns = list(zip(*(values for _, values, _ in found)))
            used: set[str] = set()
            block.tensors = [free(_beside(out), used) for out in equal[0].beside]
            block.arguments, block.numbers = explained(columns, found[0][2], used)
            self.blocks.append(block)
            for body in equal:
                self.block[body] = block

    def _finish(self, body: Body) -> None:
        """Write out modules that are not blocks, and turn equal neighbours into repeats."""
        body.items = self._spliced(body.items)
        ends = [out.node for _, out in self.graph.outputs] if body is self.root else []
        single = body is not self.root or len(self.graph.inputs) == 1
        body.items = repeated(self.block, body.items, body.start if single else None, ends)

    def _spliced(self, items: list[Item]) -> list[Item]:
        found: list[Item] = []
        for item in items:
            self._splice_inside(item)
            if item.body is not None and item.body not in self.block:
                inner = item.body.items
                if item.source is not None and inner:
                    inner = _from(inner, item.source)
                found += inner
            else:
                found.append(item)
        return found

    def _splice_inside(self, item: Item) -> None:
        if item.operands is not None:
            item.operands = [self._spliced(one) if isinstance(one, list) else one for one in item.operands]
        if item.layers is not None:
            item.layers = self._spliced(item.layers)
        if item.shortcut is not None:
            item.shortcut = self._spliced(item.shortcut)

    def _gaps(self, body: Body) -> tuple[str, list[Any], list[str]]:
        values: list[Any] = []
        keys: list[str] = []

        def take(value: Any, key: str) -> Expression:
            values.append(value)
            keys.append(key)
            return Expression(None, "\0")

        tensors = {out: f"\0{index}" for index, out in enumerate(body.beside)}
        named = names(self.block, body.items, body.start, set(), home=body.scope)
        text = Writer(self.block, body.start, named, tensors).written(body.items, take)
        return repr(text), values, keys

    def _count(self) -> None:
        """Drop blocks that are called once unless they have to be blocks, and name those that are left."""
        for block in self.blocks:
            block.calls = 0
        seen: set[Block] = set()
        self._count_in(self.root.items, seen, False)
        for block in self.blocks:
            items = block.bodies[0].items
            short = not block.arguments and len(items) < 3 and all(not list(item.inner()) for item in items)
            block.written = block.is_kept or (block.calls > 1 and not short)
        taken = set(REGISTRY) | {alias for layer in REGISTRY.values() for alias in layer.aliases}
        for block in self.blocks:
            if block.written:
                scope = block.bodies[0].scope
                wanted = called(scope) if scope is not None else "block"
                name, index = wanted, 2
                while name in taken or name.startswith("__"):
                    name, index = (
                        (f"{wanted}_block", index)
                        if name == wanted and wanted in REGISTRY
                        else (f"{wanted}{index}", index + 1)
                    )
                taken.add(name)
                block.name = name

    def _count_in(self, items: list[Item], seen: set[Block], is_inner: bool) -> None:
        for item in items:
            for inner in item.inner():
                self._count_in(inner, seen, True)
            if item.body is not None:
                block = self.block[item.body]
                block.calls += 1
                block.is_repeated = block.is_repeated or item.count > 1
                is_followed = is_inner or item is not items[-1]
                block.is_kept = block.is_kept or (is_followed and item.count == 1 and _leaves_branches(item.body))
                if block not in seen:
                    seen.add(block)
                    self._count_in(block.bodies[0].items, seen, False)

    def inlined(self) -> set[Scope]:
        """The calls of blocks that are written in place, once."""
        blocks = [block for block in self.blocks if not block.written and not block.is_repeated]
        return {body.scope for block in blocks for body in block.bodies if body.scope is not None}

    def spec(self) -> Spec:
        """All of it."""
        spec = Spec(plain(self.graph.name))
        single = len(self.graph.inputs) == 1
        sizes = {name: list(node.sizes) for name, node in self.graph.inputs.items()}
        spec.inputs = next(iter(sizes.values())) if single else sizes  # type: ignore[assignment]
        for block in self.blocks:
            if block.written:
                body = block.bodies[0]
                taken = {*(one.name for one in block.arguments), *block.tensors}
                named = names(self.block, body.items, body.start, taken, home=body.scope)
                writer = Writer(self.block, body.start, named, dict(zip(body.beside, block.tensors)))
                spec.blocks[block.signature()] = writer.body(body.items, numbered(block.numbers))
        named = names(self.block, self.root.items, self.root.start, set(), self.graph)
        writer = Writer(self.block, self.root.start if single else None, named)
        spec.layers = writer.body(self.root.items, lambda value, key: Expression(value))
        spec.output = _outputs(self.graph, named, self.root)
        return spec


def _beside(out: Out) -> str:
    """What people call a further input of a block."""
    if out.node.op in ("parameter", "constant", "relposbias"):
        return base(out.node)
    return "skip" if len(out.sizes) > 2 else "memory"


def _outputs(graph: Graph, names: dict[Node, str], root: Body) -> str | list[str] | None:
    outs = list(dict.fromkeys(out for _, out in graph.outputs))
    last = root.items[-1].gives if root.items else None
    if outs == [last]:
        return None
    found = [f"{names[out.node]}.{out.name}" if out.name else names[out.node] for out in outs]
    return found[0] if len(found) == 1 else found


def _levels(root: Body) -> list[list[Body]]:
    """Bodies by nesting depth, innermost first; the model's own is not among them."""
    heights: dict[Body, int] = {}

    def height(body: Body) -> int:
        found = [height(inner) for inner in _inner_bodies(body.items)]
        heights[body] = 1 + max(found, default=0)
        return heights[body]

    height(root)
    del heights[root]
    levels: list[list[Body]] = [[] for _ in range(max(heights.values(), default=0))]
    for body, at in heights.items():
        levels[at - 1].append(body)
    return levels


def _inner_bodies(items: list[Item]) -> Iterator[Body]:
    for item in items:
        if item.body is not None:
            yield item.body
        for inner in item.inner():
            yield from _inner_bodies(inner)


def _layers(items: list[Item]) -> int:
    return sum(1 + sum(_layers(inner) for inner in item.inner()) for item in items)


def _leaves_branches(body: Body) -> bool:
    """Whether a variable of a body, when the body ends, still holds a branch as large as its output."""
    size = math.prod(body.end.sizes)
    ends = [inner[-1].gives for item in body.items if item.count == 1 for inner in item.inner()]
    return any(end is not None and math.prod(end.sizes) >= size for end in ends)


def _from(items: list[Item], source: Out) -> list[Item]:
    """Items that start from a tensor other than the one before."""
    first = items[0]
    if first.node is not None and first.layers is None and first.operands is None:
        if first.source is None and REGISTRY[first.node.op].takes_input:
            first.source = source
        return items
    if first.body is not None:
        first.source = first.source or source
        return items
    return [head(source), *items]
