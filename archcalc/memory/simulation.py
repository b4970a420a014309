"""What is alive at each moment of a forward pass or a training step, without running it.

The graph is traversed in the order in which the written module runs. A tensor lives while a variable holds
it and, in training, while a layer saves it for backward (`Layer.saved`). Of many equal copies only the first
two and the last are simulated; every other copy adds what the second one adds.

Exact: parameters, buffers, gradients, optimizer states, and what is saved for backward on the CPU in
fp32 (unless `Layer.saved` says otherwise). A rule: temporaries of single kernels, and when variables
release tensors. Source of the rules: PyTorch 2.13, compared with its allocator.
"""

from __future__ import annotations

from typing import Any

from archcalc.layers.strides import channels_last, contiguous
from archcalc.layers.tensor import Tensor
from archcalc.memory.given import INDEX, tensor_bytes
from archcalc.memory.heads import Head
from archcalc.memory.losses import FP32, LOSSES, Loss
from archcalc.memory.mixtures import Mixtures
from archcalc.memory.nesting import MOST_FORMULAS, MOST_PASSES, check_nesting
from archcalc.memory.parameters import Gradients
from archcalc.memory.run import Run
from archcalc.memory.structure import Structure, family, origins
from archcalc.memory.tape import RANDOM_STATE, Again, More, Ran, Scanned, Sent
from archcalc.memory.values import Storage, Value
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.quantity import plain, product
from archcalc.running import Running
from archcalc.running.declaration import BACKWARD, CHANNELS_LAST, GRADIENTS, OPTIMIZER
from archcalc.running.optimizers import OPTIMIZERS

# Bytes of the loss, one number.
_LOSS = 4


def simulate(graph: Graph, running: Running, structure: Structure | None = None) -> Run:
    """Simulate one forward pass, or one training step in the steady state: the second or a later one.

    `structure` is that of the same network, possibly from a run with another batch.

    Raises:
        RequestError: copies are nested too deep.
    """
    check_nesting(graph, MOST_PASSES)
    structure = structure or Structure(graph)
    width, optimizer = running.width, OPTIMIZERS[running.optimizer] if running.trains else None
    run = Run(running, parameters=sum([bytes * count for bytes, count in structure.stored(running)]))
    run.buffers = structure.buffer_bytes(width)
    run.inputs = sum(tensor_bytes(x, graph.batch, width) for x in graph.inputs.values())
    if optimizer is not None:
        if OPTIMIZER not in running.offload:
            run.optimizer = optimizer.shared + sum([bytes * count for bytes, count in structure.states(running)])
            if optimizer.counts:
                run.optimizer += 4 * sum(structure.trained.values())  # the step count, a scalar per tensor
        run.gradients = structure.trained_numbers * (4 if running.has_wide_gradients else width)
        run.inputs += sum(_targets(graph, y, width) for y in graph.outputs.values())
    step = _Step(graph, structure, running, run)
    step.go()
    structure.let_go[running.also(batch=None)] = step.let_go
    return run


def kept_for_backward(graph: Graph, running: Running) -> int:
    """Bytes saved for backward after forward and loss; `running` is that of a training step.

    Raises:
        RequestError: copies are nested too deep.
    """
    check_nesting(graph, MOST_FORMULAS)
    run = Run(running)
    _Step(graph, Structure(graph), running, run, peaks=False).forward()
    return run.saved


def _loss(graph: Graph) -> Loss:
    return LOSSES[graph.document.trained_on]


def _targets(graph: Graph, y: Tensor, width: int) -> int:
    """Bytes of the targets: classes, or numbers like the output's."""
    if _loss(graph).classes:
        return _rows(y) * y.samples(graph.batch) * INDEX
    return tensor_bytes(y, graph.batch, width)


def _rows(y: Tensor) -> int:
    """How many classes are predicted: one per position, or per pixel of an image."""
    return plain(product(y.shape[:-1] if y.rank < 3 else y.shape[1:]))


class _Step(Mixtures):
    """One run through the graph: forward and, in training, back."""

    def forward(self) -> tuple[list[Value], list[list[Storage]]]:
        """Forward and, in training, the loss; returns the outputs, and what the loss saves of each."""
        for x in self.graph.inputs.values():
            size = tensor_bytes(x, self.graph.batch, self.running.width)
            sizes = (self.graph.batch, *x.shape)
            images = self.running.memory_format == CHANNELS_LAST and len(sizes) == 4 and not x.integer
            value = Value(Storage(size), size, (channels_last if images else contiguous)(sizes), self.running.width)
            value.storage.holders = 1  # counted with the run's inputs, never released
            value.storage.bytes = value.storage.held = 0
            self.env[id(x)] = value
        outputs = {key for y in self.graph.outputs.values() for key in origins(y)}
        alone = len(self.graph.inputs) == 1
        entry = next(iter(self.graph.inputs.values())) if alone else None
        self._frame(self.graph.nodes, outputs, self.graph.batch, entry)
        results = [self._value(y) for y in self.graph.outputs.values()]
        if not self.running.trains:
            return results, []
        if self.running.batches > 1 and self.head is None:
            self._after_another(results)
        losses = [self._lose(y, value) for y, value in zip(self.graph.outputs.values(), results)]
        self._forget()
        self.heap.hold(Storage(_LOSS))
        self.run.saved = self.heap.kept + self.more_kept
        self.run.forward_end = self.run.base + self.heap.live + self.more
        return results, losses

    def go(self) -> None:
        results, losses = self.forward()
        if not self.running.trains:
            return
        self.entered.clear()
        self.is_offloaded = False  # what is recomputed stays until it is used
        # Gradients are freed as soon as they exist: each is used for a step at once, or waits elsewhere.
        self.leaves = self.running.update == BACKWARD or GRADIENTS in self.running.offload
        self.is_again = True  # what runs forward from here on
        self.learned = Gradients(self.structure.learned, self.running.width, self.readers)
        self._backward(results, losses)
        apart = self.running.update != BACKWARD and OPTIMIZER not in self.running.offload
        self._moment("step", None, self.structure.stepping(self.running) if apart else 0)

    def _after_another(self, results: list[Value]) -> None:
        """The outputs of the previous batch live until those of this one take their place."""
        earlier = sum(storage.bytes for storage in {value.storage for value in results})
        for moment in self.run.moments:
            moment.live += earlier
            moment.activations += earlier

    # -- loss and backward ------------------------------------------------------------------

    def _lose(self, y: Tensor, value: Value) -> list[Storage]:
        """Compute the loss, and keep what it saves."""
        loss, size = _loss(self.graph), y.numel * y.samples(self.graph.batch) * FP32
        copied = value.width < FP32
        if self.head is not None:
            return self._lose_in_pieces(self.head, value)
        kept = [Storage(size) for _ in range(loss.kept)]
        if loss.output:
            kept.append(Storage(size) if copied else value.storage)
        if loss.target and self.running.width < FP32 and not loss.classes:
            kept.append(Storage(size))
        for storage in kept:
            self.heap.keep(storage)
        copies = (copied * (not loss.output) + (self.running.width < FP32) * (not loss.target)) * size
        self._moment("loss", None, int(loss.forward * size) + copies)
        return kept

    def _lose_in_pieces(self, head: Head, value: Value) -> list[Storage]:
        """What a loss in chunks saves, which never sees all logits: nothing, or the gradients."""
        size = head.logits * FP32
        if not head.is_fused:
            self._moment("loss", None, value.bytes + size + (size if value.width < FP32 else 0))
            return []
        numbers = (head.hidden, head.weights * head.node.learns_itself)
        kept = [Storage(one * value.width) for one in numbers]
        for storage in kept:
            self.heap.keep(storage)
        self._moment("loss", None, value.bytes)
        tape = next(one for one in reversed(self.tape) if isinstance(one, Ran) and one.node is head.node)
        tape.kept += kept
        return []

    def _lost_in_pieces(self, head: Head, value: Value) -> None:
        """Backward through a chunk whose logits have been recomputed: the log probabilities, and two gradients."""
        if head.is_fused:
            return
        size = head.logits * FP32
        self._moment("backward", None, max(3 * size, value.bytes + 2 * size))

    def _backward(self, results: list[Value], losses: list[list[Storage]]) -> None:
        gradients: dict[Value, Storage] = {}
        self.heap.hold(Storage(_LOSS))  # its own gradient
        for value, kept in reversed(list(zip(results, losses))):
            if self.head is not None:
                self._lost_in_pieces(self.head, value)
                self._give(gradients, value, Storage(value.bytes))
                continue
            size = value.bytes // value.width * FP32
            loss, cast = _loss(self.graph), value.bytes if value.width < FP32 else 0
            self._moment("backward", None, int(loss.backward * size))
            for storage in kept:
                self.heap.release(storage)
            self._moment("backward", None, max(int(loss.after * size), size + cast))
            self._give(gradients, value, Storage(value.bytes))
        self._back(self.tape, gradients)

    def _back(self, tape: list[Any], gradients: dict[Value, Storage]) -> None:
        for entry in reversed(tape):
            if isinstance(entry, More):
                live, kept, given = self.heap.live + self.more, self.heap.kept + self.more_kept, self.gradients
                began_at = len(self.run.moments)
                self._back(entry.tape, gradients)
                change, less = self.heap.live + self.more - live, self.heap.kept + self.more_kept - kept
                self.more += entry.copies * change
                self.more_kept += entry.copies * less
                self.gradients += entry.copies * (self.gradients - given)
                self._moment("backward", None, 0, entry.copies, len(self.run.moments) - began_at)
            elif isinstance(entry, Scanned):
                self._back_scan(entry, gradients)
            elif isinstance(entry, Again):
                self._recompute(entry, gradients)
            elif isinstance(entry, Sent):
                self._back_sent(entry, gradients)
            else:
                self._back_layer(entry, gradients)

    def _back_scan(self, entry: Scanned, gradients: dict[Value, Storage]) -> None:
        """Run the steps back. Gradients of outputs are views of one tensor; those of entries stay until stacked."""
        stacked = [gradients.pop(every, None) for every in entry.every]
        sizes, held, later = [0] * len(entry.entries), list[Storage](), 0
        for turn in reversed(entry.turns):
            live, kept, given = self.heap.live + self.more, self.heap.kept + self.more_kept, self.gradients
            began_at = len(self.run.moments)
            for value, storage in zip(turn.given, stacked):
                if storage is not None:
                    self._give(gradients, value, storage)
            self._back(turn.tape, gradients)
            of_entries = [gradients.pop(value, None) for value in turn.entries]
            further = turn.copies - 1
            if further:
                self.more_kept += further * (self.heap.kept + self.more_kept - kept)
                self.more += further * (self.heap.live + self.more - live)
                self.gradients += further * (self.gradients - given)
                self._moment("backward", None, 0, further, len(self.run.moments) - began_at)
            for place, storage in enumerate(of_entries):
                if storage is not None:
                    sizes[place] += turn.copies * max(storage.bytes, turn.entries[place].gradient)
                    held.append(storage)
                    later += further * storage.bytes
        self.more -= later
        for value, size in zip(entry.entries, sizes):
            if size:
                gradients[value] = self.heap.hold(Storage(size))
        for storage in (*held, *(one for one in stacked if one is not None)):
            self.heap.drop(storage)

    def _recompute(self, entry: Again, gradients: dict[Value, Storage]) -> None:
        outer, self.env = self.env, dict(entry.entries)
        for value in self.env.values():
            self.heap.hold(value.storage)
        tape, self.tape = self.tape, []
        at, self.at = self.at, entry.at
        inputs = entry.node.inputs
        layers, self.run.layers = self.run.layers, {}
        self.known_products = dict(entry.products)
        state = self.heap.hold(Storage(0 if self.gpu else RANDOM_STATE))
        self._frame(entry.node.children, family(entry.node.exit), entry.batch, inputs[0] if inputs else None)
        self.heap.drop(state)
        again, self.run.layers = self.run.layers, layers
        for key, bytes in again.items():  # one copy after the other, never at the same time
            layers[key] = max(layers.get(key, 0), bytes)
        self.at = at
        output = self._value(entry.node.exit)
        for key in list(self.env):
            self._unbind(key)
        inner, self.tape, self.env = self.tape, tape, outer
        self._forget()
        if entry.output in gradients:
            gradients[output] = gradients.pop(entry.output)
        self._back(inner, gradients)
        for storage in entry.kept:
            self.heap.release(storage)

    def _back_layer(self, ran: Ran, gradients: dict[Value, Storage]) -> None:
        given = gradients.pop(ran.output, None)
        layer, node = ran.node.layer, ran.node
        assert layer is not None
        further = {value: gradients.pop(value) for value in ran.further if value in gradients}
        if given is None:  # zeros for what nobody read; a tensor read only in parts has no gradient of its own
            zeros = [value.gradient for value in ran.further if value not in further]
            given = self.heap.hold(Storage(sum(zeros) if node.exit.parts else ran.output.gradient))
        elif given.bytes < ran.output.gradient and not layer.reads_stretched:
            given = self._written_out(given, ran.output, node)
        if ran.sent is not None:
            self._back_mixture(ran, ran.sent, given, gradients)
            return
        new: list[tuple[Value, Storage]] = []
        reached = self.structure.sources(node)
        for place, (value, x, needed) in enumerate(zip(ran.inputs, node.inputs, ran.needs)):
            if not needed or id(x) not in reached:
                continue
            same = (
                (layer.hands_on or place < layer.own_back)
                and value.bytes <= ran.output.bytes
                and x.batched == node.exit.batched
            )
            same = same and value.width == ran.output.width and value.parts == ran.output.parts
            view = layer.stretches_gradient and not (ran.cast[0] or ran.cast[1])
            storage = given if same or view else Storage(value.gradient)
            storage.is_view |= layer.views_gradient(place, node.exit, *node.inputs)
            self.heap.hold(storage)
            new.append((value, storage))
        shared = given.bytes if layer.lets_go_early and given.holders > 1 else 0
        if ran.cast[1] or ran.cast[0]:
            self._back_cast(ran, gradients, given, shared, new)
            return
        learned, more, sums, waits, whole = self.learned.give(node, ran.at)
        if ran.experts > 1:
            more, sums, whole = more // ran.experts, sums // ran.experts, whole // ran.experts
            waits, learned = (
                (self._learn(ran, waits), learned // ran.experts)
                if self.adds_up or self.leaves
                else (waits // ran.experts, self._learn(ran, learned))
            )
        passes = self.adds_up or self.leaves
        stays = waits if passes else learned
        self.gradients += stays
        learned -= stays
        more += learned
        passing = max(ran.passing, more) if more and layer.learns_in_turn else ran.passing + more
        self._moment("backward", node, passing + shared)
        for storage in (given, *further.values()):
            self.heap.drop(storage)
        for storage in ran.kept:
            self._release(storage)
        for value, storage in new:
            self._give(gradients, value, storage, node)
            self.heap.drop(storage)
        if self.head is not None and node is self.head.node and not (self.head.is_fused or self.head.is_one):
            sums = max(sums, 2 * (learned + stays))  # the first two parts of its gradient, and their sum
        if sums or ran.joining:
            self._moment("backward", node, max(sums, ran.joining))
        if (
            self.leaves
            and learned + whole
            and self.running.update == BACKWARD
            and OPTIMIZER not in self.running.offload
        ):
            self._moment("backward", node, learned + self.structure.step_of(node, self.running))
        if passes:
            self.gradients -= whole

    def _back_cast(
        self,
        ran: Ran,
        gradients: dict[Value, Storage],
        given: Storage,
        shared: int,
        new: list[tuple[Value, Storage]],
    ) -> None:
        """Backward through a layer under autocast: its gradients exist in the compute type before their own type."""
        of_inputs, of_parameters = ran.cast[0], ran.cast[1] // ran.experts
        low = {storage: of_inputs[id(value)] // value.parts for value, storage in new if id(value) in of_inputs}
        for storage in low:
            self.heap.drop(storage)
        self._moment("backward", ran.node, ran.passing + shared + of_parameters + sum(low.values()))
        self.heap.drop(given)
        for storage in ran.kept:
            self._release(storage)
        for storage in low:
            self.heap.hold(storage)
        learned = self.learned.give(ran.node, ran.at).first
        passes = self.adds_up or self.leaves
        learned = learned // ran.experts if passes else self._learn(ran, learned)
        self.gradients += 0 if passes else learned
        beside = max(low.values(), default=of_parameters)
        self._moment("backward", ran.node, beside + (learned if passes else 0))
        for value, storage in new:
            self._give(gradients, value, storage)
            self.heap.drop(storage)

    def _give(self, gradients: dict[Value, Storage], value: Value, storage: Storage, node: Node | None = None) -> None:
        """Pass on a gradient, of `node`; a second one is added to the first, in place if nobody else can see that.

        Source: can_accumulate_inplace in torch/csrc/autograd/input_buffer.cpp.
        """
        first = gradients.get(value)
        if first is None:
            gradients[value] = self.heap.hold(storage)
        elif first.is_view or first.holders > 1 or first.bytes < value.gradient:
            gradients[value] = self._written_out(first, value, node)

    def _written_out(self, storage: Storage, value: Value, node: Node | None) -> Storage:
        """The gradient of `value` in memory of its own, in place of `storage`, which may be smaller and only expanded to it."""
        whole = self.heap.hold(Storage(value.gradient))
        self._moment("backward", node, 0)
        self.heap.drop(storage)
        return whole
