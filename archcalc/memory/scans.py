"""The loop of a scan: its first steps, one in between, and the last; every other step adds what the middle one adds."""

from __future__ import annotations

from archcalc.memory.forward import Forward
from archcalc.memory.structure import Function, origins
from archcalc.memory.tape import Scanned, Turn
from archcalc.memory.values import Storage, Value
from archcalc.memory.variables import LoopVariables
from archcalc.network.gradients import lag, place
from archcalc.network.graph import Node
from archcalc.quantity import plain


class ScanForward(Forward):
    """A forward pass whose graph may have scans."""

    def _run(self, node: Node, batch: int, before: Node | None) -> None:
        if node.listed:
            self._scan(node, batch)
        else:
            super()._run(node, batch, before)

    def _scan(self, node: Node, batch: int) -> None:
        steps, at, outer = plain(node.work), self.at, self.tape
        entries = [self._value(x) for x in node.inputs]
        ends = {id(one) for one, _ in node.listed} | {id(one) for one in node.further.values()}
        for state in node.states.values():
            self._bind(state, self._value(state.origin))
        given = origins(node.inputs[0])
        function = _named(self.structure.function(node.children, ends), node)
        variables = LoopVariables(function.last, given)
        replaced = {id(node.further[name]): id(state) for name, state in node.states.items()}
        turns: list[Turn] = []
        held: list[list[Storage]] = []
        # A state passed on to another state is released some steps later. States that begin with zeros have a
        # gradient from the second step on, so that step may be the first to save what comes from outside.
        lead = 1 + lag(node)
        lead += any(id(state.origin) in self.structure.zeros for state in node.states.values())
        index = 0
        while index < steps:
            skipped = max(0, steps - index - 2 - lag(node)) if index == lead else 0
            kept, live, began_at = self.heap.kept + self.more_kept, self.heap.live + self.more, len(self.run.moments)
            self.tape, self.at = [], (*at, place(node, index, steps))
            for x, whole in zip(node.inputs, entries):  # each has its own gradient
                self._bind(x, Value(whole.storage, whole.bytes, whole.strides, whole.width))
            self.copies *= 1 + skipped
            self._step(function, batch, given, variables, replaced)
            self.copies //= 1 + skipped
            out = [self._value(one) for one, _ in node.listed]
            held.append([self.heap.hold(value.storage) for value in out])
            after = [self._value(node.further[name]) for name in node.states]
            turns.append(Turn(self.tape, 1 + skipped, out, [self._value(x) for x in node.inputs]))
            for state, value in zip(node.states.values(), after):
                self._bind(state, value)
                if index == 0 and id(state.origin) in self.structure.zeros:
                    self._unbind(id(state.origin))
            if skipped:
                grown = self.heap.kept + self.more_kept - kept
                self.more += skipped * (self.heap.live + self.more - live)
                self.more_kept += skipped * grown
                self._moment("forward", node, 0, skipped, len(self.run.moments) - began_at)
            index += 1 + skipped
        self.tape, self.at = outer, at
        for state in node.states.values():
            self._unbind(id(state))
        for tensor, value in zip((node.further[name] for name in node.states), after):
            self._bind(tensor, value)  # which may be a state itself
        every = self._listed(node, turns, held)
        if self.keeping:
            self.tape.append(Scanned(turns, every, entries))

    def _step(
        self, function: Function, batch: int, given: set[int], variables: LoopVariables, replaced: dict[int, int]
    ) -> None:
        """Run one step; variables keep their values until a later step overwrites them."""
        if self._known is not None:
            self._frame_again(function, batch, self._known)
            return
        self._through(function, batch, given, variables, replaced)
        self._let_go([])
        variables.next_step()

    def _listed(self, node: Node, turns: list[Turn], held: list[list[Storage]]) -> list[Value]:
        """Bind the lists of all steps' outputs, counting what nothing else keeps alive."""
        every: list[Value] = []
        for number, (_, all) in enumerate(node.listed):
            size = 0
            for turn, storages in zip(turns, held):
                live = self.heap.live
                self.heap.drop(storages[number])
                freed = live - self.heap.live
                self.more -= (turn.copies - 1) * freed
                size += turn.copies * freed
            last = turns[-1].given[number]
            every.append(Value(Storage(size), last.bytes, last.strides, last.width))
            self._bind(all, every[-1])
        return every


def _named(function: Function, node: Node) -> Function:
    """The function of one step, in which the next value of a state goes into the state's variable if that is free."""
    after = {id(node.further[name]): (name, function.last.get(id(state), -1)) for name, state in node.states.items()}
    steps = []
    for index, step in enumerate(function.steps):
        name, last = after.get(id(step.node.output), ("", index + 1))
        steps.append(step._replace(variable=name) if last <= index else step)
    return Function(steps, function.last)
