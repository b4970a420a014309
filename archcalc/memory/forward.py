"""The forward pass: which tensors are alive while each layer runs, and what is kept for backward."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from archcalc.layers.base import Layer
from archcalc.layers.saved import NOTHING, Saved, Saving
from archcalc.layers.tensor import Alias, Tensor
from archcalc.memory.plan import Plan
from archcalc.memory.run import Moment, Run
from archcalc.memory.values import Heap, Storage, Value
from archcalc.network.gradients import backward
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.quantity import plain

# Copies that are gone through one by one.
_COPIES = 3
# Bytes of a token id or a class (int64).
INDEX = 8


def tensor_bytes(x: Tensor, batch: int, width: int) -> int:
    """Bytes of a tensor for the whole batch, at `width` bytes a number."""
    return plain(x.elements) * batch * (INDEX if x.integer else width)


@dataclass
class Ran:
    """A layer on the tape: what it read and gave, and what it keeps."""

    node: Node
    needs: tuple[bool, ...]
    inputs: list[Value]
    output: Value
    saved: Saved
    kept: list[Storage]
    batch: int


@dataclass
class More:
    """A part of the tape that stands for further copies."""

    tape: list[Any]
    copies: int


@dataclass
class Again:
    """A group that runs forward again before it runs backward."""

    node: Node
    entries: dict[int, Value]
    output: Value
    batch: int
    first: bool


class Forward:
    """A forward pass through the graph."""

    def __init__(self, graph: Graph, plan: Plan, run: Run) -> None:
        self.graph, self.plan, self.run = graph, plan, run
        self.heap = Heap()
        self.env: dict[int, Value] = {}
        self.needs: dict[int, list[tuple[bool, ...]]] = {}
        if plan.training:
            for one in backward(graph):
                self.needs.setdefault(id(one.node), []).append(one.needs)
        self.tape: list[Any] = []
        self.keeping = plan.training
        self.more = 0  # bytes of copies that are not gone through
        self.more_kept = 0
        self.gradients = 0
        self.copies = 1
        self.entered: set[int] = set()
        self.reads: dict[int, set[int]] = {}

    # -- forward ----------------------------------------------------------------------------

    def _frame(self, nodes: list[Node], kept: set[int], batch: int, first: bool) -> None:
        """Run the steps of one function; a variable lives until its last use, `kept` ones beyond."""
        steps = list(_steps(nodes))
        last: dict[int, int] = {}
        for index, step in enumerate(steps):
            last.update(dict.fromkeys(self._read(step), index))
        made: dict[int, int] = {}
        for index, step in enumerate(steps):
            before = set(self.env)
            self._run(step, batch, first)
            made.update(dict.fromkeys(self._produced(step) - before, index))  # a copy may give what it was given
            for key in set(self.env) - before - set(made):
                self._unbind(key)
            for key in [key for key in made if last.get(key, made[key]) <= index and key not in kept]:
                self._unbind(key)
                del made[key]

    def _run(self, node: Node, batch: int, first: bool) -> None:
        if node.unfolded:
            begun = first
            for child in node.children:
                self._run_copies(child, batch, begun)
                begun = False
            self._bind(node.output, self._value(node.children[-1].output))
        elif node.copies > 1:
            self._run_copies(node, batch, first)
        else:
            self._once(node, batch, first)

    def _run_copies(self, node: Node, batch: int, first: bool) -> None:
        entry = next((x for x in node.inputs if isinstance(x, Alias)), node.inputs[0] if node.inputs else None)
        alone, given_on = self._enter(entry), id(node.exit) in self.env
        index = 0
        while index < node.copies:
            skipped = node.copies - _COPIES if index == 1 and node.copies > _COPIES else 0
            live, kept, at = self.heap.live + self.more, self.heap.kept + self.more_kept, len(self.tape)
            self.copies *= 1 + skipped
            self._once(node, batch, first and index == 0)
            self.copies //= 1 + skipped
            if entry is not None and entry.shape == node.exit.shape and index + 1 < node.copies and (alone or index):
                self._bind(entry, self._value(node.exit))
                for name, extra in (entry.outputs or {}).items():
                    given = (node.exit.outputs or {})[name]
                    if _origins(given) & set(self.env):
                        self._bind(extra, self._value(given))
            if skipped:
                # The variable that goes from copy to copy is replaced, so that only what is kept adds up.
                grown = self.heap.kept + self.more_kept - kept
                self.more += skipped * grown
                self.more_kept += skipped * grown
                if len(self.tape) > at:
                    self.tape[at:] = [More(self.tape[at:], skipped)]
                if self.run.moments:
                    self._moment("forward", node, 0, skipped)
                del live
            index += 1 + skipped
        if alone and entry is not None:
            self.entered.discard(id(entry))
        self._bind(node.output, self._value(node.exit))
        if node.output is not node.exit and not given_on:
            self._unbind(id(node.exit))

    def _enter(self, entry: Tensor | None) -> bool:
        """Give the alias that copies start from its first value, if they are the ones it was made for."""
        if not isinstance(entry, Alias) or id(entry) in self.entered:
            return False
        self.entered.add(id(entry))
        self._bind(entry, self._value(entry.origin))
        for extra in (entry.outputs or {}).values():
            if _origins(extra) & set(self.env):  # else nobody reads it
                self._bind(extra, self._value(extra))
        return True

    def _once(self, node: Node, batch: int, first: bool) -> None:
        if node.layer is not None:
            self._layer(node, batch, first)
            return
        entry = node.inputs[0] if node.inputs else None
        alone = self._enter(entry)
        again = self.keeping and {node.name, node.op, node.id} & set(self.plan.checkpoint)
        if again:
            entries = {key: self.env[key] for key in self._read(node) if key in self.env}
            for value in entries.values():
                self._keep(value.storage, node)
            self.keeping = False
        self._frame(node.children, family(node.exit), batch, first)
        if again:
            self.keeping = True
            self.tape.append(Again(node, entries, self._value(node.exit), batch, first))
        if alone and entry is not None:
            self.entered.discard(id(entry))
            self._unbind(id(entry))

    def _layer(self, node: Node, batch: int, first: bool) -> None:
        layer = node.layer
        assert layer is not None
        for child in node.children:  # of a mixture: experts see the positions that are sent to them
            if child.is_expert:
                sent = batch * child.work
                entry = child.inputs[0]
                size = plain(entry.elements) * sent * self.plan.width
                self._bind(entry, Value(Storage(size), size))
                self._frame(child.children, family(child.exit), sent, first)
        inputs = [self._value(x) for x in node.inputs]
        size = tensor_bytes(node.exit, batch, self.plan.width)
        if inputs and self._is_alias(layer, node):
            output = Value(inputs[0].storage, size)
        elif layer.view:  # of a parameter
            output = Value(Storage(0), size)
        else:
            output = Value(Storage(size // batch if layer.stored_once else size), size)
        follows = bool(inputs) and (layer.elementwise or output.storage is inputs[0].storage)
        output.ordered = not (node.inputs and layer.reorders(node.inputs[0], batch))
        if follows and output.ordered:
            output.ordered = inputs[0].ordered
        self._bind(node.exit, output)
        for extra in (node.exit.outputs or {}).values():
            part = tensor_bytes(extra, batch, self.plan.width)
            self._bind(extra, Value(output.storage if node.exit.parts else Storage(part), part))
        needs = self._needs(node, first)
        saved = NOTHING
        if needs is not None or not self.plan.training:
            how = Saving(
                needs or (False,) * max(1, len(inputs)), batch, self.plan.width, self.plan.gpu, self.plan.attention
            )
            saved = layer.saved(how, node.exit, *node.inputs)
        kept: list[Storage] = []
        if needs is not None and self.keeping:
            kept = [self._keep(self._read_as(node, index, inputs[index]), node) for index in saved.inputs]
            if saved.output:
                kept.append(self._keep(output.storage, node))
            kept += [self._keep(Storage(size), node) for size in saved.extra.values() if size]
            self.tape.append(Ran(node, needs, inputs, output, saved, kept, batch))
        self._moment("forward", node, saved.forward)
        for child in node.children:
            if child.is_expert:
                self._unbind(id(child.inputs[0]))
                self._unbind(id(child.exit))

    def _read_as(self, node: Node, index: int, value: Value) -> Storage:
        """The memory that a layer reads an input from: a copy where it wants another order."""
        copied = node.layer is not None and node.layer.wants_order and not value.ordered and node.inputs[index].rank > 1
        return Storage(value.bytes) if copied else value.storage

    def _is_alias(self, layer: Layer, node: Node) -> bool:
        """Whether what comes out is the memory that went in."""
        p = getattr(layer, "p", None)
        return layer.shares(node.inputs[0]) or (p is not None and (not self.plan.training or not p))

    def _needs(self, node: Node, first: bool) -> tuple[bool, ...] | None:
        """Which inputs need a gradient; None when the layer does not run backward."""
        found = self.needs.get(id(node))
        return (found[-1] if first else found[0]) if found else None

    def _keep(self, storage: Storage, node: Node) -> Storage:
        if self.heap.keep(storage):
            self.run.layers[id(node)] = self.run.layers.get(id(node), 0) + storage.bytes * self.copies
        return storage

    # -- variables --------------------------------------------------------------------------

    def _value(self, tensor: Tensor) -> Value:
        while id(tensor) not in self.env and isinstance(tensor, Alias):
            tensor = tensor.origin
        return self.env[id(tensor)]

    def _bind(self, tensor: Tensor, value: Value) -> None:
        self.heap.hold(value.storage)
        self._unbind(id(tensor))
        self.env[id(tensor)] = value

    def _unbind(self, key: int) -> None:
        if key in self.env:
            self.heap.drop(self.env.pop(key).storage)

    def _read(self, step: Node) -> set[int]:
        """All that a step reads, inside of it as well."""
        if id(step) not in self.reads:
            found: set[int] = set()
            pending = [step]
            while pending:
                node = pending.pop()
                pending += node.children
                for tensor in (*node.inputs, *(() if node is step else (node.exit,))):
                    found |= _origins(tensor)
            self.reads[id(step)] = found - self._produced(step)
        return self.reads[id(step)]

    def _produced(self, step: Node) -> set[int]:
        found = {id(step.output), id(step.exit)}
        for tensor in (step.output, step.exit):
            found |= {id(extra) for extra in (tensor.outputs or {}).values()}
        return found & set(self.env) if step.copies > 1 or step.unfolded else found

    def _moment(self, phase: str, node: Node | None, passing: int, count: int = 1) -> None:
        kept = self.heap.kept + self.more_kept
        live = self.heap.live + self.more
        total = self.run.base + live + self.gradients + passing
        self.run.moments.append(Moment(phase, node, total, kept, live - kept, passing, self.gradients, count))


def _steps(nodes: list[Node]) -> Iterator[Node]:
    """What one function runs, in order; lists written in place belong to it."""
    for node in nodes:
        if node.inline:
            yield from _steps(node.children)
            if node.layer is not None:
                yield node
        else:
            yield node


def _origins(tensor: Tensor) -> set[int]:
    """The ids under which a tensor may be known."""
    found = {id(tensor)}
    while isinstance(tensor, Alias):
        tensor = tensor.origin
        found.add(id(tensor))
    return found


def family(tensor: Tensor) -> set[int]:
    """The ids of a tensor and of the further outputs that come with it."""
    found = _origins(tensor)
    for extra in (tensor.outputs or {}).values():
        found |= _origins(extra)
    return found
