"""The forward pass: which tensors are alive while each layer runs, and what is kept for backward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archcalc.layers.base import Layer
from archcalc.layers.saved import NOTHING, Saving
from archcalc.layers.strides import contiguous
from archcalc.layers.tensor import Alias, Tensor
from archcalc.memory.autocast import Autocast
from archcalc.memory.run import Moment, Run
from archcalc.memory.structure import Function, Structure, family, gathered, origins, results
from archcalc.memory.tape import Again, More, Ran
from archcalc.memory.values import Heap, Storage, Value
from archcalc.memory.variables import Variables
from archcalc.network import paths
from archcalc.network.gradients import BETWEEN, FIRST, LAST
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.quantity import plain
from archcalc.running import Running
from archcalc.running.declaration import AUTO, FLASH, MATH

_NONE: Mapping[int, int] = {}
# Copies that are gone through one by one.
_COPIES = 3
# Bytes of a token id or a class (int64).
INDEX = 8


def tensor_bytes(x: Tensor, batch: int, width: int) -> int:
    """Bytes of a tensor for the whole batch, at `width` bytes a number."""
    return plain(x.elements) * x.samples(batch) * (INDEX if x.integer else width)


class Forward:
    """A forward pass through the graph; without `peaks` only what is kept is counted right."""

    def __init__(self, graph: Graph, structure: Structure, running: Running, run: Run, peaks: bool = True) -> None:
        self.graph, self.structure, self.running, self.run, self.peaks = graph, structure, running, run, peaks
        self.heap = Heap()
        self.env: dict[int, Value] = {}
        self.changed: list[tuple[int, bool]] = []  # keys that came into `env`, or went
        self.needs = structure.needs if running.trains else {}
        self.base = run.base
        self.at: tuple[int, ...] = ()  # which copy of each group of copies is run
        self.tape: list[Any] = []
        self.keeping = running.trains
        self.more = 0  # bytes of copies that are not gone through
        self.more_kept = 0
        self.adds_up = running.trains and running.batches > 1  # gradients of the batches before are there
        self.gradients = run.gradients if self.adds_up else 0
        self.copies = 1
        self.autocast = Autocast(running, structure)
        self.more_remembered = 0
        self._attention = _forced(running)
        self.experts = 1  # so many of those around are gone through as one
        self.entered: set[int] = set()
        # What variables let go, step by step: the same for every batch.
        self.let_go: list[list[int]] = []
        self._known = iter(structure.let_go[running]) if running in structure.let_go else None

    # -- forward ----------------------------------------------------------------------------

    def _frame(self, nodes: list[Node], kept: set[int], batch: int, entry: Tensor | None) -> None:
        """Run the steps of one function that starts from `entry` and gives `kept`.

        Its variables are those of the written module: what a step gives takes the first variable that nobody
        reads any more, and lets go what that held; a layer with a name that is read later on has one of its own.
        """
        function = self.structure.function(nodes, kept)
        if self._known is not None:
            self._frame_again(function, batch, self._known)
            return
        given = origins(entry) if entry is not None else set()
        variables = Variables(function.last, given)
        self._through(function, batch, given, variables)
        self._let_go([key for key in variables.held() if key not in kept and key not in given])

    def _through(
        self, function: Function, batch: int, given: set[int], variables: Variables, replaced: Mapping[int, int] = _NONE
    ) -> None:
        """Run its steps; `replaced`: what is let go when something is given, where nothing reads it any more."""
        previous = None
        for index, (step, gives, variable, further) in enumerate(function.steps):
            there = [
                key for key in gives if key in self.env and not variables.is_left(key)
            ]  # it may give what it was given
            began = len(self.changed)
            self._run(step, batch, previous)
            previous = step
            made = {key for key in gives if key in self.env and key not in there}
            gone = [key for key in self._new(began) if key not in made and not variables.hold(key)]
            apart = {key for _, keys in further for key in keys}
            taken = variables.take(index, variable, made - apart) if made - apart or not further else set()
            for name, keys in further:
                taken |= variables.take(index, name, made & keys)
            gone += [key for key in taken if key not in given and key not in made]
            gone += [replaced[key] for key in made if key in replaced and function.last.get(replaced[key], -1) <= index]
            self._let_go(gone)
            self._settle(began)

    def _frame_again(self, function: Function, batch: int, known: Iterator[list[int]]) -> None:
        """As it was let go when it was run before."""
        previous = None
        for step, _, _, _ in function.steps:
            self._run(step, batch, previous)
            previous = step
            self._let_go(next(known))
        self._let_go(next(known))

    def _let_go(self, keys: list[int]) -> None:
        self.let_go.append(keys)
        for key in keys:
            self._unbind(key)

    def _new(self, began: int) -> list[int]:
        """The keys in `env` that were not there when so many changes had been made."""
        first = dict(reversed(self.changed[began:]))
        return [key for key, came in first.items() if came and key in self.env]

    def _settle(self, began: int) -> None:
        """Keep of the changes since then what is left of them."""
        first = dict(reversed(self.changed[began:]))
        self.changed[began:] = [(key, came) for key, came in first.items() if came == (key in self.env)]

    def _run(self, node: Node, batch: int, before: Node | None) -> None:
        if node.unfolded:
            last = {key: child for child in node.children for key in self.structure.read(child)}
            # Copies may give what they were given.
            there = {key for child in node.children for key in results(child) if key in self.env} | gathered(node)
            for child, previous in zip(node.children, [None, *node.children]):
                self._run_copies(child, batch, previous)
                made = [] if previous is None else [id(previous.output)]
                if previous is not None and previous.further:
                    made += sorted(results(previous) - {id(previous.output)} - results(child))
                for key in made:
                    if key not in there and last.get(key, child) is child:
                        self._unbind(key)
            self._bind(node.output, self._value(node.children[-1].output))
        elif node.copies > 1:
            self._run_copies(node, batch, before)
        else:
            self._once(node, batch)

    def _run_copies(self, node: Node, batch: int, before: Node | None) -> None:
        entry = paths.running(node, before)
        alone, given_on = self._enter(entry), id(node.exit) in self.env
        began = None if entry is None or isinstance(entry, Alias) else self._value(entry)
        chained = entry is not None and entry.shape == node.exit.shape
        index = 0
        while index < node.copies:
            skipped = node.copies - _COPIES if index == 1 and node.copies > _COPIES else 0
            kept, taped, began_at = self.heap.kept + self.more_kept, len(self.tape), len(self.run.moments)
            known, before_more = len(self.autocast.remembered), self.more_remembered
            self.copies *= 1 + skipped
            at = self.at
            if node.copies > 1:
                self.at += (FIRST if index == 0 else LAST if index == node.copies - 1 else BETWEEN,)
            self._once(node, batch)
            self.at = at
            self.copies //= 1 + skipped
            if entry is not None and chained and index + 1 < node.copies and (alone or index or began is not None):
                self._bind(entry, self._value(node.exit))
                for name, extra in (entry.outputs or {}).items():
                    given = (node.exit.outputs or {})[name]
                    if self._there(given):
                        self._bind(extra, self._value(given))
            if skipped:
                # The variable that goes from copy to copy is replaced, so that only what is kept adds up.
                grown = self.heap.kept + self.more_kept - kept
                self.more += skipped * grown
                self.more_kept += skipped * grown
                lonely = [one.bytes for one in [*self.autocast.remembered.values()][known:] if one.keepers == 1]
                self.more_remembered += skipped * (sum(lonely) + self.more_remembered - before_more)
                if len(self.tape) > taped:
                    self.tape[taped:] = [More(self.tape[taped:], skipped)]
                self._moment("forward", node, 0, skipped, len(self.run.moments) - began_at)
            index += 1 + skipped
        if alone and entry is not None:
            self.entered.discard(id(entry))
        if entry is not None and began is not None and chained:
            self._bind(entry, began)
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
            if self._there(extra):  # else nobody reads it
                self._bind(extra, self._value(extra))
        return True

    def _once(self, node: Node, batch: int) -> None:
        if node.layer is not None:
            self._layer(node, batch)
            return
        entry = node.inputs[0] if node.inputs else None
        alone = self._enter(entry)
        again = self.keeping and {node.name, node.op, node.id} & set(self.running.checkpoint)
        if again:
            entries = {key: self.env[key] for key in self.structure.read(node) if key in self.env}
            for value in entries.values():
                self._keep(value.storage, node)
            self.keeping = False
        self._frame(node.children, results(node), batch, entry)
        if again:
            self.keeping = True
            self.tape.append(Again(node, entries, self._value(node.exit), batch, self.at))
        if alone and entry is not None:
            self.entered.discard(id(entry))
            self._unbind(id(entry))

    def _layer(self, node: Node, batch: int) -> None:
        layer = node.layer
        assert layer is not None
        samples: list[Storage] = []
        for child in node.children:  # of a mixture: experts see the positions that are sent to them
            if child.is_expert:
                sent = batch * child.work
                entry = child.inputs[0]
                size = tensor_bytes(entry, sent, self.running.width)
                strides = contiguous((entry.samples(sent), *entry.shape))
                self._bind(entry, Value(Storage(size), size, strides, self.running.width))
                outside = self._gather(child, entry, batch, sent)
                self.experts *= child.weights
                self._frame(child.children, family(child.exit), sent, entry)
                self.experts //= child.weights
                for key, value in outside.items():
                    self._unbind(key)
                    self.env[key] = value
                if self.keeping and self._gradient_reaches(child, set(outside)):
                    samples.append(Storage(entry.samples(sent) * INDEX))
        batch = node.exit.samples(batch)
        given = [self._value(x) for x in node.inputs]
        inputs = [_for_each(node, x, value, batch) for x, value in zip(node.inputs, given)]
        needs = self.needs.get((id(node), *self.at))  # None where the layer does not run backward
        width = self.autocast.computes(node, inputs)
        how = Saving(
            needs or (False,) * max(1, len(inputs)), batch, width, self.running.gpu, self._attention,
            self.running.threads or 2, needs is not None and self.keeping, tuple(value.strides for value in inputs),
            self.running.trains, node.learns,
        )  # fmt: skip
        output = self._outputs(node, layer, how, inputs)
        saved, passing, copied = NOTHING, (0, 0), layer.copied(how, node.exit, *node.inputs)
        cast, weights = self._cast(node, inputs, width) if self.running.types.autocast else ({}, [])
        if needs is not None or not self.running.trains:
            saved = layer.saved(how, node.exit, *node.inputs)
            if self.peaks:
                passing = layer.passing(how, node.exit, *node.inputs)
                if not how.keeps:
                    passing = (max(passing[0], *(inputs[index].bytes for index in copied), 0), passing[1])
        kept: list[Storage] = [self._keep(storage, node) for storage in samples]
        each = 1 if node.exit.batched else self.experts  # what depends on parameters alone, in each expert
        if needs is not None and self.keeping:
            for index in saved.inputs:
                copies = [Storage(inputs[index].bytes * each) for one in copied if one == index]
                if index in cast:
                    copies = [cast.pop(index)]
                kept += [self._keep(storage, node) for storage in copies or [inputs[index].storage]]
            if any(needs) or not saved.inputs:
                kept += [self._keep(storage, node) for storage in weights]
            if saved.output:
                kept.append(self._keep(output.storage, node))
            for name in saved.further:
                kept.append(self._keep(self._value((node.exit.outputs or {})[name]).storage, node))
            if saved.states:
                kept += [self._keep(inputs[1].states[name], node) for name in saved.states]
            kept += [self._keep(Storage(size * each), node) for size in saved.extra.values() if size]
            sums = [
                plain(x.elements) * width * batch
                for x, needed in zip(node.inputs, needs)
                if needed and not layer.hands_on and x.batched != node.exit.batched
            ]
            further = [self.env[id(extra)] for extra in (node.exit.outputs or {}).values()]
            uncast = self.autocast.uncast(node, inputs, width)
            passing_back = passing[1] + sum(sums)
            self.tape.append(Ran(node, self.at, needs, given, output, further, kept, passing_back, uncast))
        beside = sum(storage.bytes for storage in (*set(cast.values()), *weights) if not storage.keepers)
        self._moment("forward", node, passing[0] + beside)
        for child in node.children:
            if child.is_expert:
                self._unbind(id(child.inputs[0]))
                self._unbind(id(child.exit))

    def _cast(self, node: Node, inputs: list[Value], width: int) -> tuple[dict[int, Storage], list[Storage]]:
        """What autocast makes in the type that is computed in: of inputs, by their places, and of parameters."""
        weights, new = self.autocast.parameters(node, width, self.at, self.experts)
        for storage in new:
            self._keep(storage, node)
        return self.autocast.inputs(node, inputs, width), weights

    def _forget(self) -> None:
        """Let go what autocast remembers, as the forward pass is over."""
        for storage in self.autocast.remembered.values():
            self.heap.release(storage)
        self.autocast.remembered.clear()
        self.more -= self.more_remembered
        self.more_kept -= self.more_remembered
        self.more_remembered = 0

    def _gather(self, expert: Node, entry: Tensor, batch: int, sent: int) -> dict[int, Value]:
        """Give an expert, of what it reads from outside, the samples of the positions sent to it; what was there."""
        every = {key for node, _, _ in walk([expert]) for x in node.inputs if not x.batched for key in origins(x)}
        reads = self.structure.read(expert)  # but for what is the same for every sample
        outside = {key: self.env[key] for key in reads if key in self.env and key not in {id(entry), *every}}
        for key, value in outside.items():
            size, sizes = value.bytes // batch * sent, value.strides.sizes
            self.env[key] = Value(self.heap.hold(Storage(size)), size, contiguous((sent, *sizes[1:])), value.width)
        return outside

    def _gradient_reaches(self, group: Node, keys: set[int]) -> bool:
        """Whether a layer inside passes a gradient on to one of these tensors."""
        needs = self.needs.get((id(group), *self.at), ())
        found = any(needed and origins(x) & keys for needed, x in zip(needs, group.inputs))
        return found or any(self._gradient_reaches(child, keys) for child in group.children)

    def _outputs(self, node: Node, layer: Layer, how: Saving, inputs: list[Value]) -> Value:
        """Bind what the layer gives, further outputs too; the output."""
        y, width = node.exit, how.width
        size = plain(y.elements) * how.batch * (INDEX if y.integer else width)
        if inputs and layer.shares(how, y, *node.inputs):
            storage = inputs[0].storage
        elif layer.view and not inputs:  # of a parameter
            storage = Storage(0)
        else:
            each = 1 if y.batched else self.experts
            storage = Storage(layer.stored(how, y, *node.inputs) * (INDEX if y.integer else width) * each)
        output = Value(storage, size, layer.strides(how, y, *node.inputs), width)
        self._bind(y, output)
        memory = {"": storage}
        for name, extra in (y.outputs or {}).items():
            part = plain(extra.elements) * how.batch * (INDEX if extra.integer else width)
            other = layer.further_memory(name)
            memory[name] = Storage(part) if other is None else memory[other]
            self._bind(extra, Value(memory[name], part, layer.further_strides(name, how, y, *node.inputs), width))
        output.states = {name: memory[name] for name in ("h", "c") if name in memory}
        return output

    def _keep(self, storage: Storage, node: Node) -> Storage:
        if self.heap.keep(storage):
            self.run.layers[id(node)] = self.run.layers.get(id(node), 0) + storage.bytes * self.copies
        return storage

    # -- variables --------------------------------------------------------------------------

    def _value(self, tensor: Tensor) -> Value:
        while id(tensor) not in self.env and isinstance(tensor, Alias):
            tensor = tensor.origin
        return self.env[id(tensor)]

    def _there(self, tensor: Tensor) -> bool:
        return any(key in self.env for key in origins(tensor))

    def _bind(self, tensor: Tensor, value: Value) -> None:
        key = id(tensor)
        self.heap.hold(value.storage)
        if key in self.env:
            self.heap.drop(self.env[key].storage)
        else:
            self.changed.append((key, True))
        self.env[key] = value

    def _unbind(self, key: int) -> None:
        if key in self.env:
            self.heap.drop(self.env.pop(key).storage)
            self.changed.append((key, False))

    def _moment(self, phase: str, node: Node | None, passing: int, count: int = 1, pattern: int = 0) -> None:
        kept = self.heap.kept + self.more_kept
        live = self.heap.live + self.more
        total = self.base + live + self.gradients + passing
        self.run.moments.append(Moment(phase, node, total, kept, live - kept, passing, self.gradients, count, pattern))


def _forced(running: Running) -> str | None:
    """The kernel that was asked for, for layers: one that keeps no scores is like another; None where PyTorch picks."""
    if running.attention in ("", AUTO) or "attention" in running.assumed:
        return None
    return MATH if running.attention == MATH else FLASH


def _for_each(node: Node, x: Tensor, value: Value, batch: int) -> Value:
    """What a layer reads of `x`: the same memory for every sample, where it reads no other samples."""
    if node.layer is None or node.layer.broadcasts or x.batched or not node.exit.batched:
        return value
    repeated = Value(value.storage, value.bytes * batch, value.strides.expanded((batch, *x.shape)), value.width)
    repeated.states = value.states
    if batch > 1:
        repeated.states = {name: Storage(one.bytes * batch) for name, one in value.states.items()}
    return repeated
