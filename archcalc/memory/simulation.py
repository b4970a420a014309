"""What is alive at each moment of a forward pass or a training step, without running it.

The graph is gone through as the written module runs: a tensor lives while a variable holds it, and
in training while a layer keeps it for backward (`Layer.saved`). Of many equal copies the first two
and the last are gone through; what one in between adds, the others add as well.

Exact: parameters, buffers, gradients, optimizer states, what is kept for backward on the CPU in
fp32 (where `Layer.saved` says nothing else). A rule: what single kernels need in passing, and when
a variable lets go. Source of the rules: PyTorch 2.13, compared with its allocator.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archcalc.cost import Costs
from archcalc.layers.tensor import Tensor
from archcalc.memory.forward import INDEX, Again, Forward, More, Ran, family, tensor_bytes
from archcalc.memory.plan import OPTIMIZERS, Plan
from archcalc.memory.run import Run
from archcalc.memory.values import Storage, Value
from archcalc.network.gradients import sources
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.quantity import plain, product


def simulate(graph: Graph, plan: Plan) -> Run:
    """Go through one forward pass, or one training step in the steady state: the second or a later one."""
    totals = Costs(graph).totals
    tensors = _parameter_tensors(graph.nodes)
    run = Run(plan, parameters=totals.params * plan.width, buffers=_buffer_bytes(graph.nodes, plan.width))
    run.inputs = sum(tensor_bytes(x, graph.batch, plan.width) for x in graph.inputs.values())
    if plan.training:
        states = OPTIMIZERS[plan.optimizer] + (1 if plan.mixed else 0)
        run.optimizer = totals.params * states * plan.state_width
        if OPTIMIZERS[plan.optimizer] == 2:
            run.optimizer += 4 * tensors  # the number of steps, a scalar for each tensor
        run.gradients = totals.params * plan.width
        run.inputs += sum(_targets(graph, y, plan.width) for y in graph.outputs.values())
    _Step(graph, plan, run).go()
    return run


def kept_for_backward(graph: Graph, plan: Plan) -> int:
    """Bytes that are kept for backward when forward and loss are done; `plan` is of a training step."""
    run = Run(plan)
    _Step(graph, plan, run).forward()
    return run.saved


def _loss(graph: Graph) -> str:
    return graph.document.loss.text if graph.document.loss else "mse"


def _targets(graph: Graph, y: Tensor, width: int) -> int:
    """Bytes of the targets: classes, or numbers like the output's."""
    if _loss(graph) in ("crossentropy", "nll"):
        return _rows(y) * graph.batch * INDEX
    return tensor_bytes(y, graph.batch, width)


def _rows(y: Tensor) -> int:
    """How many classes are predicted: one for each position, or for each pixel of an image."""
    return plain(product(y.shape[:-1] if y.rank < 3 else y.shape[1:]))


def _weights(nodes: list[Node], times: int = 1) -> Iterator[tuple[Node, int]]:
    for node in nodes:
        stored = times * node.weights * node.copies
        yield node, stored
        yield from _weights(node.children, stored)


def _parameter_tensors(nodes: list[Node]) -> int:
    return sum(len(node.params) * times for node, times in _weights(nodes))


def _buffer_bytes(nodes: list[Node], width: int) -> int:
    """Statistics have the parameters' type; a counter, which has no axes, is an int64."""
    return sum(
        times * plain(product(shape) * width if shape else INDEX)
        for node, times in _weights(nodes)
        for shape in node.buffers.values()
    )


class _Step(Forward):
    """One run through the graph, forward and in training back."""

    def forward(self) -> tuple[list[Value], list[list[Storage]]]:
        """Forward and, in training, the loss: the outputs, and what the loss keeps of each."""
        for x in self.graph.inputs.values():
            size = tensor_bytes(x, self.graph.batch, self.plan.width)
            value = Value(Storage(size), size)
            value.storage.holders = 1  # counted with the run's inputs, never let go
            value.storage.bytes = 0
            self.env[id(x)] = value
        outputs = {key for y in self.graph.outputs.values() for key in family(y)}
        self._frame(self.graph.nodes, outputs, self.graph.batch, True)
        results = [self._value(y) for y in self.graph.outputs.values()]
        if not self.plan.training:
            return results, []
        losses = [self._lose(y, value) for y, value in zip(self.graph.outputs.values(), results)]
        self.run.saved = self.heap.kept + self.more_kept
        self.run.forward_end = self.run.base + self.heap.live + self.more
        return results, losses

    def go(self) -> None:
        results, losses = self.forward()
        if not self.plan.training:
            return
        self.entered.clear()
        self._backward(results, losses)
        largest = max((product(s) for n, _ in _weights(self.graph.nodes) for s in n.params.values()), default=0)
        adam = OPTIMIZERS[self.plan.optimizer] == 2
        self._moment("step", None, 2 * int(largest) * self.plan.state_width if adam else 0)

    # -- loss and backward ------------------------------------------------------------------

    def _lose(self, y: Tensor, value: Value) -> list[Storage]:
        """What the loss keeps."""
        kind = _loss(self.graph)
        size = plain(y.elements) * self.graph.batch
        kept = []
        if kind == "crossentropy":
            kept.append(Storage(size * max(4, self.plan.width)))
        elif kind != "nll":
            kept.append(value.storage)
            if self.plan.width < 4:
                kept[0] = Storage(4 * size)
        for storage in kept:
            self.heap.keep(storage)
        self._moment("loss", None, size * 4 if kind != "nll" else 0)
        return kept

    def _backward(self, results: list[Value], losses: list[list[Storage]]) -> None:
        gradients: dict[int, Storage] = {}
        passing = len(losses) and 1
        for value, kept in zip(results, losses):
            size = value.bytes // self.plan.width * 4
            if _loss(self.graph) == "crossentropy":  # of the logarithms, then of the logits
                self._moment("backward", None, 2 * size * passing)
            self._give(gradients, value, Storage(value.bytes))
            for storage in kept:
                self.heap.release(storage)
        self._back(self.tape, gradients)

    def _back(self, tape: list[Any], gradients: dict[int, Storage]) -> None:
        for entry in reversed(tape):
            if isinstance(entry, More):
                live, kept, given = self.heap.live + self.more, self.heap.kept + self.more_kept, self.gradients
                self._back(entry.tape, gradients)
                change, less = self.heap.live + self.more - live, self.heap.kept + self.more_kept - kept
                self.more += entry.copies * change
                self.more_kept += entry.copies * less
                self.gradients += entry.copies * (self.gradients - given)
                self._moment("backward", None, 0, entry.copies)
            elif isinstance(entry, Again):
                self._recompute(entry, gradients)
            else:
                self._back_layer(entry, gradients)

    def _recompute(self, entry: Again, gradients: dict[int, Storage]) -> None:
        outer, self.env = self.env, dict(entry.entries)
        for value in self.env.values():
            self.heap.hold(value.storage)
        tape, self.tape = self.tape, []
        self._frame(entry.node.children, family(entry.node.exit), entry.batch, entry.first)
        output = self._value(entry.node.exit)
        for key in list(self.env):
            self._unbind(key)
        inner, self.tape, self.env = self.tape, tape, outer
        if id(entry.output) in gradients:
            gradients[id(output)] = gradients.pop(id(entry.output))
        self._back(inner, gradients)
        for value in entry.entries.values():
            self.heap.release(value.storage)

    def _back_layer(self, ran: Ran, gradients: dict[int, Storage]) -> None:
        given = gradients.pop(id(ran.output), None)
        layer, node = ran.node.layer, ran.node
        assert layer is not None
        if given is None:  # further outputs: their gradients come from elsewhere
            given = self.heap.hold(Storage(ran.output.bytes))
        new: list[tuple[Value, Storage]] = []
        reached = {id(x) for x in sources(node)}
        for value, x, needed in zip(ran.inputs, node.inputs, ran.needs):
            if not needed or id(x) not in reached:
                continue
            same = layer.hands_on and value.bytes <= ran.output.bytes
            storage = given if same else Storage(value.bytes)
            self.heap.hold(storage)
            new.append((value, storage))
        own = sum(int(product(shape)) for shape in node.params.values()) * self.plan.width
        shared = sum(int(product(_shape_of(owner, name))) for name, owner in node.tied.items()) * self.plan.width
        stored = own * node.weights if not node.tied else own
        self.gradients += stored
        self._moment("backward", node, ran.saved.backward + shared)
        for value, storage in new:
            self._give(gradients, value, storage)
            self.heap.drop(storage)
        self.heap.drop(given)
        for storage in ran.kept:
            self.heap.release(storage)

    def _give(self, gradients: dict[int, Storage], value: Value, storage: Storage) -> None:
        """Pass a gradient on; a second one is added to the first."""
        if id(value) not in gradients:
            gradients[id(value)] = self.heap.hold(storage)


def _shape_of(owner: Node, name: str) -> tuple[int, ...]:
    return owner.params.get(name, ())
