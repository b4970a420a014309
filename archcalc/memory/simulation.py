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
from archcalc.memory.forward import INDEX, Again, Forward, More, Ran, family, origins, tensor_bytes
from archcalc.memory.plan import OPTIMIZERS, Plan
from archcalc.memory.run import Run
from archcalc.memory.values import Storage, Value
from archcalc.network.gradients import sources
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.quantity import plain, product

# Bytes of the loss, one number.
_LOSS = 4


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
    _Step(graph, plan, run, peaks=False).forward()
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


def _roots(nodes: list[Node]) -> tuple[int, int, int]:
    """Numbers in the first and the last parameter, and the most that Adam needs in passing.

    The root of the second average is made anew to be divided, while that of the parameter before is still there.
    Source: _single_tensor_adam in torch/optim/adam.py.
    """
    sizes = (0, 0, 0)
    for node in nodes:
        own = (0, 0, 0)
        for shape in node.params.values() if node.weights else ():
            size = int(product(shape))
            own = _after(own, (size, size, 2 * size))
        own = _after(own, _roots(node.children))
        for _ in range(min(2, node.weights * node.copies)):
            sizes = _after(sizes, own)
    return sizes


def _after(before: tuple[int, int, int], then: tuple[int, int, int]) -> tuple[int, int, int]:
    if not before[1] or not then[1]:
        return before if before[1] else then
    return before[0], then[1], max(before[2], then[2], before[1] + 2 * then[0])


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
        outputs = {key for y in self.graph.outputs.values() for key in origins(y)}
        alone = len(self.graph.inputs) == 1
        entry = next(iter(self.graph.inputs.values())) if alone else None
        self._frame(self.graph.nodes, outputs, self.graph.batch, entry)
        results = [self._value(y) for y in self.graph.outputs.values()]
        if not self.plan.training:
            return results, []
        losses = [self._lose(y, value) for y, value in zip(self.graph.outputs.values(), results)]
        self.heap.hold(Storage(_LOSS))
        self.run.saved = self.heap.kept + self.more_kept
        self.run.forward_end = self.run.base + self.heap.live + self.more
        return results, losses

    def go(self) -> None:
        results, losses = self.forward()
        if not self.plan.training:
            return
        self.entered.clear()
        self.learned: dict[tuple[int, str], int] = {}  # which layer gave a parameter its first gradient
        self._backward(results, losses)
        adam = OPTIMIZERS[self.plan.optimizer] == 2
        self._moment("step", None, _roots(self.graph.nodes)[2] * self.plan.state_width if adam else 0)

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
        self.heap.hold(Storage(_LOSS))  # its own gradient
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
        at, self.at = self.at, entry.at
        inputs = entry.node.inputs
        layers, self.run.layers = self.run.layers, {}
        self._frame(entry.node.children, family(entry.node.exit), entry.batch, inputs[0] if inputs else None)
        again, self.run.layers = self.run.layers, layers
        for key, bytes in again.items():  # one copy after the other, never together
            layers[key] = max(layers.get(key, 0), bytes)
        self.at = at
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
        shared = given.bytes if layer.lets_go_early and given.holders > 1 else 0
        self._moment("backward", node, self._learn(node) + ran.passing + shared)
        for value, storage in new:
            self._give(gradients, value, storage)
            self.heap.drop(storage)
        self.heap.drop(given)
        for storage in ran.kept:
            self.heap.release(storage)

    def _learn(self, node: Node) -> int:
        """Count the gradients of a layer's parameters; what adding those of shared ones needs in passing.

        The sum of two is a third beside them.
        """
        passing = 0
        named = [(name, node, shape) for name, shape in node.params.items()]
        named += [(name, owner, owner.params.get(name, ())) for name, owner in node.tied.items()]
        for name, owner, shape in named:
            stored = owner.weights if owner is not node or not node.tied else 1
            size = int(product(shape)) * stored * self.plan.width
            if self.learned.setdefault((id(owner), name), id(node)) == id(node):
                self.gradients += size
            else:
                passing += 2 * size
        return passing

    def _give(self, gradients: dict[int, Storage], value: Value, storage: Storage) -> None:
        """Pass a gradient on; a second one is added to the first."""
        if id(value) not in gradients:
            gradients[id(value)] = self.heap.hold(storage)
