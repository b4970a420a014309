"""One layer of a forward pass: its inputs, outputs and saved tensors, its autocast copies, and its experts."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from typing import Any

from archcalc.layers.base import Layer
from archcalc.layers.memory import LOW
from archcalc.layers.saved import INPUT, NOTHING, Saving
from archcalc.layers.strides import contiguous
from archcalc.layers.tensor import Tensor
from archcalc.memory.adapters import adapted, learns
from archcalc.memory.asked import Asked
from archcalc.memory.autocast import Autocast, Copies
from archcalc.memory.given import INDEX, for_each, forced, is_pointwise, tensor_bytes
from archcalc.memory.heads import head
from archcalc.memory.parameters import Shared
from archcalc.memory.run import Run
from archcalc.memory.scene import Scene
from archcalc.memory.stored import Stored
from archcalc.memory.structure import Structure, family, origins
from archcalc.memory.tape import Products, Ran, Sent
from archcalc.memory.values import Storage, Value
from archcalc.network.gradients import BETWEEN, LAST
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.running import Running
from archcalc.running.declaration import CHANNELS_LAST


class LayerRun(Scene):
    """A scene in which layers run; without `peaks` only saved tensors are counted correctly.

    Attributes:
        at: which copy runs of each repeated group around.
        experts: how many surrounding experts are simulated as one; stored_experts: how many there are.
        tape: the entries for the backward pass; keeping: whether layers save something for it.
        is_again: whether layers run a second time, to be recomputed.
        products: saved matrix products of a checkpoint; known_products: those of the checkpoint being recomputed.
        readers: how many layers give a gradient to each parameter, counted in the forward pass.
        known: answers of layers about how they run.
    """

    def __init__(self, graph: Graph, structure: Structure, running: Running, run: Run, peaks: bool) -> None:
        super().__init__(running, run)
        self.graph, self.structure, self.peaks = graph, structure, peaks
        self.needs = structure.needs if running.trains else {}
        self.at: tuple[int, ...] = ()
        self.experts = self.stored_experts = 1
        self.tape: list[Any] = []
        self.keeping = running.trains
        self.is_again = False
        self.products: Products | None = None
        self.known_products: Products = {}
        self.stored = Stored(graph, running)
        self.autocast = Autocast(running, structure, self.stored)
        self.more_remembered = 0
        self.readers: Counter[Shared] = Counter()
        self.known: dict[tuple[Any, ...], Asked] = {}
        self.head = head(graph, running)
        self._attention, self.trains, self.threads = forced(running), running.trains, running.threads or 2
        self.quantises = running.stored is not None

    @abstractmethod
    def _frame(self, nodes: list[Node], kept: set[int], batch: int, entry: Tensor | None) -> None:
        """Run the steps of one function that starts from `entry` and gives `kept`."""

    def _which(self) -> list[int]:
        """For each repeated group around, whether this is its first copy, its last, or one in between."""
        return [BETWEEN if one > LAST else one for one in self.at]

    def _in_pieces(self, width: int) -> int:
        """Bytes that the backward pass of a head needs besides the gradients of its input and of its matrix."""
        assert self.head is not None
        learned = self.head.weights * self.head.node.learns_itself * width
        if self.head.is_fused:  # they are there
            return -(self.head.hidden * width + learned + self.head.logits * width)
        return 0 if self.head.is_one else self.head.hidden * width + learned

    def _run_experts(self, node: Node, batch: int) -> tuple[list[Storage], Sent | None]:
        """Run the experts of a mixture.

        Returns:
            The indices of the positions sent to them, which are kept for backward, and where they begin on the tape.
        """
        samples, begin = list[Storage](), None
        for child in node.children:  # in a mixture, experts see the positions sent to them
            if child.is_expert:
                sent, stored = batch * child.work, child.weights
                experts, given = stored, self._value(node.inputs[0])
                if not self.trains:  # each releases everything before the next runs
                    sent, experts = -(-sent // experts), 1
                entry = child.inputs[0]
                size = tensor_bytes(entry, sent, given.width)
                strides = contiguous((entry.samples(sent), *entry.shape))
                self.experts *= experts
                self.stored_experts *= stored
                sequence = Value(self._made(size), size, strides, given.width, self.experts)
                self._bind(entry, sequence)
                if self.keeping:
                    begin = Sent(node, sequence, given.gradient)
                    self.tape.append(begin)
                outside = self._gather(child, entry, batch, sent)
                self._frame(child.children, family(child.exit), sent, entry)
                self.experts //= experts
                self.stored_experts //= stored
                for key, value in outside.items():
                    self._unbind(key)
                    self.env[key] = value
                if self.keeping and self._gradient_reaches(child, set(outside)):
                    samples.append(Storage(entry.samples(sent) * INDEX))
        return samples, begin

    def _made(self, size: int) -> Storage:
        """Memory that each of the surrounding experts has a part of."""
        return Storage(size, self.experts if self.peaks else 1)

    def _around(self, bytes: int, began: int) -> None:
        """Bytes of a mixture that exist while its last expert runs, from a moment on."""
        for moment in self.run.moments[began:]:
            moment.live += bytes
            moment.activations += bytes

    def _layer(self, node: Node, batch: int) -> None:
        layer = node.layer
        assert layer is not None
        began = len(self.run.moments)
        samples, sent = self._run_experts(node, batch) if node.children else ([], None)
        batch = node.exit.samples(batch)
        given = [self._value(x) for x in node.inputs]
        inputs = (
            given if layer.broadcasts else [for_each(node, x, value, batch) for x, value in zip(node.inputs, given)]
        )
        where = (id(node), *self._which()) if self.at else (id(node),)
        needs = self.needs.get(where)  # None if the layer has no backward pass
        if needs is not None and not self.is_again:
            self.readers.update(one.key(self.at) for one in self.structure.learned.by(node))
        width = self.autocast.computes(node, inputs)
        beside = needs is not None and where in self.structure.beside
        asked = self._asked(node, layer, batch, width, inputs, needs, beside)
        how = asked.how
        self.fetched = 0
        output = self._outputs(asked, inputs)
        saved, passing, copied = NOTHING, (0, 0), asked.copied
        cast, weights = self._cast(node, inputs, width) if self.autocast.is_on else ({}, Copies())
        if needs is not None or not self.trains:
            saved = asked.saved
        if self.peaks:
            passing = asked.passing
            if node.children:
                self._around(layer.around(how, node.exit, *node.inputs), began)
            if not how.keeps and passing[0] >= 0:  # negative if not all copies of weights exist at once
                passing = (max(passing[0], *(inputs[index].gradient for index in copied), 0), passing[1])
        if self.head is not None and node is self.head.node:
            saved, passing = NOTHING if self.head.is_fused else INPUT, (passing[0], passing[1] + self._in_pieces(width))
        if self.quantises:
            expanded = self.stored.expanded(node, width)
            passing = (passing[0] + expanded, passing[1] + expanded)
        if node.adapters:
            saved, passing = adapted(node, how, saved, passing)[0], adapted(node, asked.each, saved, passing)[1]
        if self.is_fused and is_pointwise(layer) and how.keeps:
            output.storage.made_of = tuple(one.storage for one in given if one.storage is not output.storage)
        kept: list[Storage] = [one for storage in samples for one in self._keep(storage, node)]
        each = 1 if node.exit.batched else self.experts  # what depends only on parameters, in each expert
        extras: list[Storage] = []
        if saved.extra:
            inside = self.experts if self.peaks else 1
            parts = sent.entry.parts if sent is not None and self.peaks else 1
            extras = [
                Storage(
                    size * (self.experts if name in saved.alone else each), parts if name in saved.spread else inside
                )
                for name, size in saved.extra.items()
                if size
            ]
        known = self.known_products.pop((id(node), self.at), None) if self.known_products else None
        if needs is not None and self.products is not None and layer.autocast == LOW:
            self.products[id(node), self.at] = output.storage, extras
            for storage in (output.storage, *extras):
                self._keep(storage, node)
        if needs is not None and self.keeping:
            wanted: list[Storage] = []
            for index in saved.inputs:
                copies = [self._made(inputs[index].bytes * each) for one in copied if one == index]
                if index in cast:
                    copies = [cast.pop(index)]
                wanted += copies or [inputs[index].storage]
            back = any(needs) or not saved.inputs
            wanted += [one for name, one in weights if back or layer.reads_back(name)]
            if saved.output:
                wanted.append(output.storage)
            wanted += [self._value((node.exit.outputs or {})[name]).storage for name in saved.further]
            if saved.states:
                wanted += [inputs[1].states[name] for name in saved.states]
            wanted += known[1] if known else extras
            kept += [one for storage in wanted for one in self._keep(storage, node)]
            sums = [
                x.numel * width * asked.each.batch
                for x, needed in zip(node.inputs, needs)
                if needed and layer.sums_samples() and x.batched != node.exit.batched
            ]
            outputs = node.exit.outputs
            further = [self.env[id(extra)] for extra in outputs.values()] if outputs else []
            uncast = self.autocast.uncast(node, inputs, width)
            joined = -(-self.autocast.joined_back(node, inputs, needs, width) // self.experts)
            passing_back = passing[1] + sum(sums) + self.fetched + joined
            joining = asked.joining if self.peaks else 0
            experts = self.experts if self.peaks else 1
            ran = Ran(node, self.at, needs, given, output, further, kept, passing_back, joining, uncast, experts, sent)
            if sent is not None:
                spread = [one for (name, _), one in zip(saved.extra.items(), extras) if name in saved.spread]
                sent.ran, sent.parts = ran, [*spread, inputs[1].storage]
            self.tape.append(ran)
        for storage in (known[0], *known[1]) if known else ():
            self.heap.release(storage)
        made = {*cast.values(), *(one for _, one in weights)}
        casts = sum(storage.held for storage in made if not storage.keepers)
        casts += -(-self.autocast.joined(node, inputs, width) // self.experts)
        self._moment("forward", node, passing[0] + casts)
        for child in node.children:
            if child.is_expert:
                self._unbind(id(child.inputs[0]))
                self._unbind(id(child.exit))

    def _asked(
        self, node: Node, layer: Layer, batch: int, width: int, inputs: list[Value], needs: tuple[bool, ...] | None,
        beside: bool,
    ) -> Asked:  # fmt: skip
        """How a layer runs, and what it says about that; shared by copies whose inputs have the same layout."""
        lies, given = tuple([value.strides for value in inputs]), tuple([value.width for value in inputs])
        keeps = needs is not None and self.keeping
        objects: tuple[int, ...] = ()
        if len(inputs) > 1 and len(set(inputs)) < len(inputs):
            objects = tuple([inputs.index(value) for value in inputs])
        shared = self.peaks and bool(self.at)  # without peaks numbers may be traced, and each is distinct
        found = None
        if shared:
            places = tuple([(one.sizes, one.steps, one.in_order) for one in lies])
            key = (id(node), needs, batch, width, keeps, beside, given, places, objects)
            found = self.known.get(key)
        if found is None:
            how = Saving(
                needs=needs or (False,) * max(1, len(inputs)),
                batch=batch,
                width=width,
                gpu=self.gpu,
                attention=self._attention,
                threads=self.threads,
                keeps=keeps,
                strides=lies,
                training=self.trains,
                learns=learns(node),
                adapts=not node.learns_itself,
                beside=beside,
                given=given,
                casts=self.autocast.casts(node),
                objects=objects,
                channels_last=self.running.memory_format == CHANNELS_LAST,
            )
            found = Asked(node, layer, how, self.experts if self.peaks else 1)
            if shared:
                self.known[key] = found
        return found

    def _cast(self, node: Node, inputs: list[Value], width: int) -> tuple[dict[int, Storage], Copies]:
        """The copies that autocast makes in the compute type: of inputs, by position, and of parameters."""
        if not self.autocast.copies(node):
            return {}, []
        weights, new = self.autocast.parameters(
            node, width, self.at, self.experts, self.stored_experts if self.peaks else 1
        )
        for storage in new:
            if self.heap.keep(storage):
                self.run.layers[id(node)] = self.run.layers.get(id(node), 0) + storage.bytes * self.copies
        return self.autocast.inputs(node, inputs, width, self.experts if self.peaks else 1), weights

    def _forget(self) -> None:
        """Release autocast's cached copies, as the forward pass has ended."""
        for storage in self.autocast.remembered.values():
            self.heap.release(storage)
        self.autocast.remembered.clear()
        self.more -= self.more_remembered
        self.more_kept -= self.more_remembered
        self.more_remembered = 0

    def _gather(self, expert: Node, entry: Tensor, batch: int, sent: int) -> dict[int, Value]:
        """Cut an expert's inputs from outside to the positions sent to it; returns what they were before."""
        every = {key for node, _, _ in walk([expert]) for x in node.inputs if not x.batched for key in origins(x)}
        reads = self.structure.read(expert)  # except what is the same for every sample
        outside = {key: self.env[key] for key in reads if key in self.env and key not in {id(entry), *every}}
        for key, value in outside.items():
            size, sizes = value.bytes // batch * sent, value.strides.sizes
            self.env[key] = Value(
                self.heap.hold(self._made(size)), size, contiguous((sent, *sizes[1:])), value.width, self.experts
            )
        return outside

    def _gradient_reaches(self, group: Node, keys: set[int]) -> bool:
        """Whether a layer inside passes a gradient on to one of these tensors."""
        needs = self.needs.get((id(group), *self._which()), ())
        found = any(needed and origins(x) & keys for needed, x in zip(needs, group.inputs))
        return found or any(self._gradient_reaches(child, keys) for child in group.children)

    def _outputs(self, asked: Asked, inputs: list[Value]) -> Value:
        """Bind the outputs of the layer, and return the first."""
        node, layer, how = asked.node, asked.layer, asked.how
        y, width = node.exit, layer.element_bytes(how)
        if self.head is not None and node is self.head.node:
            piece = Value(Storage(0), self.head.logits * width, contiguous((self.head.rows, self.head.classes)), width)
            self._bind(y, piece)
            return piece
        if inputs and inputs[0].width == width and asked.hands_back:
            self._bind(y, inputs[0])
            return inputs[0]
        size = y.numel * how.batch * (INDEX if y.integer else width)
        if self.known_products and (known := self.known_products.get((id(node), self.at))) is not None:
            storage = known[0]
        elif inputs and asked.shares:
            storage = inputs[0].storage
        elif layer.view and not inputs:  # made from a parameter
            storage = Storage(0)
        else:
            each = 1 if y.batched else self.experts
            storage = self._made(asked.stored * (INDEX if y.integer else width) * each)
        parts = self.experts if y.batched else 1
        output = Value(storage, size, asked.strides, width, parts)
        self._bind(y, output)
        if not y.outputs:
            return output
        memory = {"": storage}
        for name, extra in y.outputs.items():
            part = extra.numel * how.batch * (INDEX if extra.integer else width)
            other = layer.further_memory(name)
            memory[name] = self._made(part) if other is None else memory[other]
            self._bind(extra, Value(memory[name], part, asked.further_strides[name], width, parts))
        output.states = {name: memory[name] for name in ("h", "c") if name in memory}
        return output
