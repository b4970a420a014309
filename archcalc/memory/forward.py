"""The forward pass: which tensors are alive while each layer runs, and what is kept for backward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archcalc.layers.base import Layer
from archcalc.layers.remembering import LOW
from archcalc.layers.saved import INPUT, NOTHING, Saving
from archcalc.layers.strides import contiguous
from archcalc.layers.tensor import Alias, Tensor
from archcalc.memory.adapters import adapted, learns
from archcalc.memory.autocast import Autocast
from archcalc.memory.given import INDEX, for_each, forced, is_pointwise, tensor_bytes
from archcalc.memory.heads import head
from archcalc.memory.run import Run
from archcalc.memory.scene import Scene
from archcalc.memory.stored import Stored
from archcalc.memory.structure import Function, Structure, family, gathered, origins, results
from archcalc.memory.tape import Again, More, Products, Ran
from archcalc.memory.values import Storage, Value
from archcalc.memory.variables import Variables
from archcalc.network import paths
from archcalc.network.gradients import BETWEEN, FIRST, LAST
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.running import Running
from archcalc.running.declaration import SELECTIVE

_NONE: Mapping[int, int] = {}
# Copies that are gone through one by one.
_COPIES = 3


class Forward(Scene):
    """A forward pass through the graph; without `peaks` only what is kept is counted right."""

    def __init__(self, graph: Graph, structure: Structure, running: Running, run: Run, peaks: bool = True) -> None:
        super().__init__(running, run)
        self.graph, self.structure, self.peaks = graph, structure, peaks
        self.needs = structure.needs if running.trains else {}
        self.at: tuple[int, ...] = ()  # which copy of each group of copies is run
        self.tape: list[Any] = []
        self.keeping = running.trains
        # gradients of the batches before are there, or the fp32 sums that all are added to
        self.adds_up = running.trains and (running.batches > 1 or running.has_wide_gradients)
        self.gradients = run.gradients if self.adds_up else 0
        self.autocast = Autocast(running, structure)
        self.more_remembered = 0
        self._attention, self.trains, self.threads = forced(running), running.trains, running.threads or 2
        self.experts = 1  # so many of those around are gone through as one
        self.entered: set[int] = set()
        # What variables let go, step by step: the same for every batch.
        self.let_go: list[list[int]] = []
        self.stretch = running.checkpoint_every or 1
        self.checkpoints = 0
        self.products: Products | None = None  # of a checkpoint whose products are kept
        self.known_products: Products = {}  # of the one that runs again
        self.stored = Stored(graph, running)
        self.head = head(graph, running)
        before = structure.let_go.get(running.also(batch=None))
        self._known = None if before is None else iter(before)

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
            gone += [key for key in taken if key not in given and (key not in made or not variables.hold(key))]
            gone += [replaced[key] for key in made if key in replaced and function.last.get(replaced[key], -1) <= index]
            self._let_go(gone)
            self._settle(began)

    def _frame_again(self, function: Function, batch: int, known: Iterator[list[int]]) -> None:
        """Let go as in the run before."""
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
        """Keep what is left of the changes since then."""
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
            stretch = self.stretch if index == 1 and self.stretch > 1 and self._checkpoints_in(node) else 1
            skipped = (node.copies - 2) // stretch * stretch - stretch if index == 1 else 0
            skipped, rounds = (skipped, 1 + skipped // stretch) if skipped > 0 else (0, 1)
            kept, taped, began_at = self.heap.kept + self.more_kept, len(self.tape), len(self.run.moments)
            known, before_more = len(self.autocast.remembered), self.more_remembered
            self.copies *= rounds
            at = self.at
            last = index
            for further in range(stretch if skipped else 1):
                last = index + further  # where copies are a formula, so is this
                if node.copies > 1:
                    between = BETWEEN if last == 1 else LAST + last  # each with gradients of its own
                    self.at = (*at, FIRST if last == 0 else LAST if last == node.copies - 1 else between)
                self._once(node, batch)
                self.at = at
                if entry is not None and chained and last + 1 < node.copies and (alone or last or began is not None):
                    self._pass_on(entry, node)
            self.copies //= rounds
            if skipped:
                # The variable that goes from copy to copy is replaced, so that only what is kept adds up.
                grown = self.heap.kept + self.more_kept - kept
                self.more += (rounds - 1) * grown
                self.more_kept += (rounds - 1) * grown
                lonely = [one.bytes for one in [*self.autocast.remembered.values()][known:] if one.keepers == 1]
                self.more_remembered += (rounds - 1) * (sum(lonely) + self.more_remembered - before_more)
                if len(self.tape) > taped:
                    self.tape[taped:] = [More(self.tape[taped:], rounds - 1)]
                self._moment("forward", node, 0, rounds - 1, len(self.run.moments) - began_at)
            index = last + 1 + skipped
        if alone and entry is not None:
            self.entered.discard(id(entry))
        if entry is not None and began is not None and chained:
            self._bind(entry, began)
        self._bind(node.output, self._value(node.exit))
        if node.output is not node.exit and not given_on:
            self._unbind(id(node.exit))

    def _pass_on(self, entry: Tensor, node: Node) -> None:
        """Let the next copy start from what one gave."""
        self._bind(entry, self._value(node.exit))
        for name, extra in (entry.outputs or {}).items():
            given = (node.exit.outputs or {})[name]
            if self._there(given):
                self._bind(extra, self._value(given))

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
        again = self.keeping and self._is_checkpoint(node)
        if again:
            self.checkpoints += 1
            again = not (self.checkpoints - 1) % self.stretch
        if again:
            entries = {key: self.env[key] for key in self.structure.read(node) if key in self.env}
            kept = [one for value in entries.values() for one in self._keep(value.storage, node)]
            self.keeping, self.products = False, {} if self.running.recompute == SELECTIVE else None
        self._frame(node.children, results(node), batch, entry)
        if again:
            self.tape.append(Again(node, entries, kept, self.products or {}, self._value(node.exit), batch, self.at))
            self.keeping, self.products = True, None
        if alone and entry is not None:
            self.entered.discard(id(entry))
            self._unbind(id(entry))

    def _which(self) -> list[int]:
        """Of each group of copies around, whether it is the first, the last or one between them."""
        return [BETWEEN if one > LAST else one for one in self.at]

    def _in_pieces(self, width: int) -> int:
        """Bytes that the backward pass of a head needs, beside the gradients of what it reads and of its matrix."""
        assert self.head is not None
        learned = self.head.weights * self.head.node.learns_itself * width
        if self.head.is_fused:  # they are there
            return -(self.head.hidden * width + learned + self.head.logits * width)
        return 0 if self.head.is_one else self.head.hidden * width + learned

    def _is_checkpoint(self, node: Node) -> bool:
        return node.layer is None and bool({node.name, node.op, node.id} & set(self.running.checkpoint))

    def _checkpoints_in(self, node: Node) -> bool:
        return any(self._is_checkpoint(one) for one, _, _ in walk([node]))

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
        inputs = [for_each(node, x, value, batch) for x, value in zip(node.inputs, given)]
        where = (id(node), *self._which()) if self.at else (id(node),)
        needs = self.needs.get(where)  # None where the layer does not run backward
        width = self.autocast.computes(node, inputs)
        how = Saving(
            needs or (False,) * max(1, len(inputs)), batch, width, self.gpu, self._attention,
            self.threads, needs is not None and self.keeping, tuple([value.strides for value in inputs]),
            self.trains, learns(node), needs is not None and where in self.structure.beside,
        )  # fmt: skip
        self.fetched = 0
        output = self._outputs(node, layer, how, inputs)
        saved, passing, copied = NOTHING, (0, 0), layer.copied(how, node.exit, *node.inputs)
        cast, weights = self._cast(node, inputs, width) if self.autocast.is_on else ({}, [])
        if needs is not None or not self.trains:
            saved = layer.saved(how, node.exit, *node.inputs)
            if self.peaks:
                passing = layer.passing(how, node.exit, *node.inputs)
                if not how.keeps:
                    passing = (max(passing[0], *(inputs[index].bytes for index in copied), 0), passing[1])
        if self.head is not None and node is self.head.node:
            saved, passing = NOTHING if self.head.is_fused else INPUT, (passing[0], passing[1] + self._in_pieces(width))
        expanded = self.stored.expanded(node, width) * self.experts
        passing = (passing[0] + expanded, passing[1] + expanded)
        if node.adapters:
            saved, passing = adapted(node, how, saved, passing)
        if self.is_fused and is_pointwise(layer) and how.keeps:
            output.storage.made_of = tuple(value.storage for value in given)
        kept: list[Storage] = [one for storage in samples for one in self._keep(storage, node)]
        each = 1 if node.exit.batched else self.experts  # what depends on parameters alone, in each expert
        known = self.known_products.pop((id(node), self.at), None)
        if needs is not None and self.products is not None and layer.autocast == LOW:
            of_own = [Storage(size * each) for size in saved.extra.values() if size]
            self.products[id(node), self.at] = output.storage, of_own
            for storage in (output.storage, *of_own):
                self._keep(storage, node)
        if needs is not None and self.keeping:
            wanted: list[Storage] = []
            for index in saved.inputs:
                copies = [Storage(inputs[index].bytes * each) for one in copied if one == index]
                if index in cast:
                    copies = [cast.pop(index)]
                wanted += copies or [inputs[index].storage]
            if any(needs) or not saved.inputs:
                wanted += weights
            if saved.output:
                wanted.append(output.storage)
            wanted += [self._value((node.exit.outputs or {})[name]).storage for name in saved.further]
            if saved.states:
                wanted += [inputs[1].states[name] for name in saved.states]
            wanted += known[1] if known else [Storage(size * each) for size in saved.extra.values() if size]
            kept += [one for storage in wanted for one in self._keep(storage, node)]
            sums = [
                x.numel * width * batch
                for x, needed in zip(node.inputs, needs)
                if needed and not layer.hands_on and x.batched != node.exit.batched
            ]
            further = [self.env[id(extra)] for extra in (node.exit.outputs or {}).values()]
            uncast = self.autocast.uncast(node, inputs, width)
            passing_back = passing[1] + sum(sums) + self.fetched
            self.tape.append(Ran(node, self.at, needs, given, output, further, kept, passing_back, uncast))
        for storage in (known[0], *known[1]) if known else ():
            self.heap.release(storage)
        beside = sum(storage.bytes for storage in (*set(cast.values()), *weights) if not storage.keepers)
        self._moment("forward", node, passing[0] + beside)
        for child in (child for child in node.children if child.is_expert):
            self._unbind(id(child.inputs[0]))
            self._unbind(id(child.exit))

    def _cast(self, node: Node, inputs: list[Value], width: int) -> tuple[dict[int, Storage], list[Storage]]:
        """What autocast makes in the type that is computed in: of inputs, by their places, and of parameters."""
        weights, new = self.autocast.parameters(node, width, self.at, self.experts)
        for storage in new:
            if self.heap.keep(storage):
                self.run.layers[id(node)] = self.run.layers.get(id(node), 0) + storage.bytes * self.copies
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
        needs = self.needs.get((id(group), *self._which()), ())
        found = any(needed and origins(x) & keys for needed, x in zip(needs, group.inputs))
        return found or any(self._gradient_reaches(child, keys) for child in group.children)

    def _outputs(self, node: Node, layer: Layer, how: Saving, inputs: list[Value]) -> Value:
        """Bind what the layer gives, further outputs too; the output."""
        y, width = node.exit, how.width
        if self.head is not None and node is self.head.node:
            piece = Value(Storage(0), self.head.logits * width, contiguous((self.head.rows, self.head.classes)), width)
            self._bind(y, piece)
            return piece
        size = y.numel * how.batch * (INDEX if y.integer else width)
        if (known := self.known_products.get((id(node), self.at))) is not None:
            storage = known[0]
        elif inputs and layer.shares(how, y, *node.inputs):
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
            part = extra.numel * how.batch * (INDEX if extra.integer else width)
            other = layer.further_memory(name)
            memory[name] = Storage(part) if other is None else memory[other]
            self._bind(extra, Value(memory[name], part, layer.further_strides(name, how, y, *node.inputs), width))
        output.states = {name: memory[name] for name in ("h", "c") if name in memory}
        return output
