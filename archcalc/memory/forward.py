"""The forward pass: which tensors are alive while each layer runs, and what is saved for backward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from archcalc.layers.tensor import Alias, Tensor
from archcalc.memory.layer_run import LayerRun
from archcalc.memory.run import Run
from archcalc.memory.structure import Function, Structure, gathered, origins, results
from archcalc.memory.tape import RANDOM_STATE, Again, More
from archcalc.memory.values import Storage
from archcalc.memory.variables import Variables
from archcalc.network import paths
from archcalc.network.gradients import BETWEEN, FIRST, LAST
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.running import Running
from archcalc.running.declaration import SELECTIVE

_NONE: Mapping[int, int] = {}


class Forward(LayerRun):
    """A forward pass through the graph: functions, their variables, copies of groups, and checkpoints."""

    def __init__(self, graph: Graph, structure: Structure, running: Running, run: Run, peaks: bool = True) -> None:
        super().__init__(graph, structure, running, run, peaks)
        # gradients of earlier batches exist already, or the fp32 sums to which all are added
        self.adds_up = running.trains and (running.batches > 1 or running.has_wide_gradients)
        self.gradients = run.gradients if self.adds_up else 0
        self.entered: set[int] = set()
        # What variables release, step by step: the same for every batch.
        self.let_go: list[list[int]] = []
        self.stretch = running.checkpoint_every or 1
        self.checkpoints = 0
        before = structure.let_go.get(running.also(batch=None))
        self._known = None if before is None else iter(before)

    def _frame(self, nodes: list[Node], kept: set[int], batch: int, entry: Tensor | None) -> None:
        """Run the steps of one function that starts from `entry` and gives `kept`.

        Its variables are those of the written module. The output of a step goes into the first variable that is not
        read again, and releases what was there. A named layer that is read later has its own variable.
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
        """Run its steps. `replaced` maps an output to what it releases, if that is not read again."""
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
                taken = taken | variables.take(index, name, made & keys)  # which may be the set of `given`
            gone += [key for key in taken if key not in given and (key not in made or not variables.hold(key))]
            gone += [replaced[key] for key in made if key in replaced and function.last.get(replaced[key], -1) <= index]
            self._let_go(gone)
            self._settle(began)

    def _frame_again(self, function: Function, batch: int, known: Iterator[list[int]]) -> None:
        """Release the same tensors as in the previous run."""
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
        """The keys in `env` that came after the first `began` changes."""
        if len(self.changed) == began + 1:
            key, came = self.changed[began]
            return [key] if came and key in self.env else []
        first = dict(reversed(self.changed[began:]))
        return [key for key, came in first.items() if came and key in self.env]

    def _settle(self, began: int) -> None:
        """Reduce the changes since `began` to their net effect."""
        if len(self.changed) == began + 1:
            key, came = self.changed[began]
            if came != (key in self.env):
                del self.changed[began]
            return
        first = dict(reversed(self.changed[began:]))
        self.changed[began:] = [(key, came) for key, came in first.items() if came == (key in self.env)]

    def _run(self, node: Node, batch: int, before: Node | None) -> None:
        if node.unfolded:
            last = {key: index for index, child in enumerate(node.children) for key in self.structure.read(child)}
            # Copies may return their input.
            there = {key for child in node.children for key in results(child) if key in self.env} | gathered(node)
            made: list[int] = []  # by the copies before, which may hand it on as a state
            for index, (child, previous) in enumerate(zip(node.children, [None, *node.children])):
                self._run_copies(child, batch, previous)
                if previous is not None:
                    made.append(id(previous.output))
                    made += sorted(results(previous) - set(made)) if previous.further else []
                gives = results(child)
                gone = [key for key in made if key not in there and key not in gives and last.get(key, index) <= index]
                for key in gone:
                    self._unbind(key)
                made = [key for key in made if key in self.env]
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
                last = index + further  # if the number of copies is a formula, so is this
                if node.copies > 1:
                    between = BETWEEN if last == 1 else LAST + last  # each has its own gradients
                    self.at = (*at, FIRST if last == 0 else LAST if last == node.copies - 1 else between)
                self._once(node, batch)
                self.at = at
                if entry is not None and chained and last + 1 < node.copies and (alone or last or began is not None):
                    self._pass_on(entry, node)
            self.copies //= rounds
            if skipped:
                # The variable passed from copy to copy is overwritten, so only what is kept adds up.
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
        """Let the next copy start from the output of this one."""
        given = node.exit.outputs or {}
        after = [(extra, given[name]) for name, extra in (entry.outputs or {}).items() if self._there(given[name])]
        values = [self._value(tensor) for _, tensor in after]  # one may be the state that another is
        self._bind(entry, self._value(node.exit))
        for (extra, _), value in zip(after, values):
            self._bind(extra, value)

    def _enter(self, entry: Tensor | None) -> bool:
        """Set the alias that copies start from to its first value, if it was made for these copies."""
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
            again = not (self.checkpoints - 1) % self.stretch and self.structure.runs_back(node)
        if again:
            entries = {key: self.env[key] for key in self.structure.read(node) if key in self.env}
            states = [] if self.gpu else [Storage(RANDOM_STATE)]
            wanted = (*(value.storage for value in entries.values()), *states)
            kept = [one for storage in wanted for one in self._keep(storage, node)]
            self.keeping, self.products = False, {} if self.running.recompute == SELECTIVE else None
        self._frame(node.children, results(node), batch, entry)
        if again:
            self.tape.append(Again(node, entries, kept, self.products or {}, self._value(node.exit), batch, self.at))
            self.keeping, self.products = True, None
        if alone and entry is not None:
            self.entered.discard(id(entry))
            self._unbind(id(entry))

    def _is_checkpoint(self, node: Node) -> bool:
        return node.layer is None and bool({node.name, node.op, node.id} & set(self.running.checkpoint))

    def _checkpoints_in(self, node: Node) -> bool:
        return any(self._is_checkpoint(one) for one, _, _ in walk([node]))
