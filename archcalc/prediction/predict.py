"""The time of a network on a device: a forward pass, or a step of training, layer by layer and in total.

With autocast or an fp32 copy, matrix products and activations are in 16 bits; the copies of parameters that this needs,
and the optimizer's step in fp32, are counted separately.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from archcalc.cost import DTYPE_BYTES, Costs
from archcalc.devices import Device
from archcalc.diagnostics import RequestError
from archcalc.layers.rearrange import Rearrange
from archcalc.memory.footprint import check_checkpoint
from archcalc.memory.structure import Structure
from archcalc.network.freezing import check_trains
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.prediction.autocast import widths
from archcalc.prediction.backward import Gradient, gradients
from archcalc.prediction.estimate import CALIBRATED, NOTHING, Estimate, Estimator, each_total, total
from archcalc.prediction.fusion import fused
from archcalc.prediction.host import started, waiting
from archcalc.prediction.masks import MASK, added_by_hand, copied
from archcalc.prediction.operations import Operation, operations
from archcalc.prediction.quantised import as_stored
from archcalc.prediction.work import Work
from archcalc.running import Running
from archcalc.running.declaration import CHANNELS_LAST, COMPILED, MATH
from archcalc.running.optimizers import OPTIMIZERS
from archcalc.running.precisions import BYTES
from archcalc.running.refusals import predictable

# FLOPs of a loss for each element of the output, forward.
_LOSS_FLOPS = 6
# Kernels that unpack quantised weights take 1 to 1.4 times as long as reading the weights: those of gpt-fast on
# an A100 (github.com/pytorch-labs/gpt-fast, README) took 1.2 times as long with int8 weights, 1.4 times with int4 ones.
_UNPACKING = 1.2
# Under autocast the softmax of 16-bit scores reads and writes fp32 between two casts: 24 bytes per score instead of 8.
_CAST_SCORES = 3
# Losses that compare two tensors of one size; the others read classes.
_PAIRWISE = ("mse", "l1", "bce", "bcewithlogits")


@dataclass(frozen=True)
class LayerTime:
    """The time of one layer, over all its copies, for the whole batch."""

    node: Node
    forward: Estimate
    backward: Estimate

    @property
    def total(self) -> Estimate:
        """The time of both passes."""
        return self.forward + self.backward


@dataclass(frozen=True)
class Prediction:
    """The expected time of a network.

    Attributes:
        graph, running: what was predicted, and how it is run.
        layers: those that take time, in order of execution; with the backward passes of all batches of a step.
        loss, step: the times of these in training, else zero; the step includes casts of parameters to other types.
        phases: the phases of the calibration whose coefficients were used; empty without a calibration.
        costs: what the network computes. structure: what is known about it before it runs.
    """

    graph: Graph
    running: Running
    layers: tuple[LayerTime, ...]
    loss: Estimate
    step: Estimate
    costs: Costs
    phases: tuple[str, ...]
    structure: Structure

    @property
    def device(self) -> Device:
        """The device it runs on."""
        assert self.running.chip is not None  # `predict` requires one
        return self.running.chip

    @cached_property
    def forward(self) -> Estimate:
        """The time of the forward pass."""
        return total(layer.forward for layer in self.layers)

    @cached_property
    def backward(self) -> Estimate:
        """The time of the backward pass."""
        return total(layer.backward for layer in self.layers)

    @cached_property
    def total(self) -> Estimate:
        """The total time."""
        return self.forward + self.loss + self.backward + self.step

    @property
    def samples_per_second(self) -> float:
        """Samples per second."""
        samples = self.graph.batch * self.running.batches
        return samples / self.total.seconds if self.total.seconds else 0.0

    @property
    def tokens(self) -> int:
        """Tokens per sample; 0 for a network without tokens."""
        return sum(x.numel for x in self.graph.inputs.values() if x.integer)


def predict(graph: Graph, running: Running, structure: Structure | None = None) -> Prediction:
    """The time of a forward pass at inference, of a whole training step or, in generation, of the pass over the prompt.

    Args:
        structure: that of the network, possibly from a run with another batch.

    Raises:
        RequestError: no device, an unsupported type, an invalid calibration, or nothing to train.
    """
    predictable(running)
    if running.chip is None:
        raise RequestError("predicting time needs a device: give --device, e.g. --device h100")
    estimator = Estimator(running.chip, running.types.computes, running.memory_format)
    found = executed(graph, running)
    training = running.trains
    forward = forward_times(estimator, found, training)
    behind_of: dict[int, list[Estimate]] = defaultdict(list)
    ahead, behind = started(found), defaultdict[int, int](int)
    backward: dict[int, Estimate] = {}
    loss = step = NOTHING
    costs = Costs(graph, dtype=estimator.stored)
    if structure is None or structure.graph.nodes is not graph.nodes:
        structure = Structure(graph)
    if training:
        check_trains(graph, "--mode inference")
        check_checkpoint(graph, running.checkpoint)
        for gradient in gradients(graph, found, structure.backward):
            behind_of[id(gradient.forward.node)].append(_backward(estimator, gradient))
            for key, count in started(gradient.kernels).items():
                behind[key] += count
        for node in _run_again(graph.nodes, running.checkpoint):
            behind_of[id(node)].append(forward.get(id(node), NOTHING))
            behind[id(node)] += ahead.get(id(node), 0)
        backward = each_total(behind_of)
        loss, step = _loss(estimator, graph), _step(estimator, costs, running)
        if running.batches > 1:
            forward = {key: one.times(running.batches) for key, one in forward.items()}
            backward = {key: one.times(running.batches) for key, one in backward.items()}
            loss = loss.times(running.batches)
    busy = total((*forward.values(), *backward.values(), loss, step))
    kernels = running.batches * (sum(ahead.values()) + sum(behind.values()))
    each = waiting(estimator, running, kernels, busy).times(running.batches)
    if each.high:
        several = {count: each.times(count) for count in {*ahead.values(), *behind.values()}}
        for times, counts in ((forward, ahead), (backward, behind)):
            for key, count in counts.items():
                times[key] = times.get(key, NOTHING) + several[count]
    nodes = {id(one.node): one.node for one in found}
    layers = tuple(LayerTime(node, forward[key], backward.get(key, NOTHING)) for key, node in nodes.items())
    known = estimator.model.phases if estimator.model is not None else []
    wanted = (forward_phase(estimator, found, training), *(["backward"] if training else []))
    phases = tuple(phase for phase in wanted if phase in known)
    return Prediction(graph, running, layers, loss, step, costs, phases, structure)


def executed(graph: Graph, running: Running) -> list[Operation]:
    """The operations of a forward pass as they run: with autocast's copies and, if compiled for a GPU, fused."""
    stored, wide = running.types.stores, widths(graph, running)
    made = operations(graph, stored, wide, running.gpu)
    if running.weights:
        made = list(as_stored(graph, made, running))
    found = [_as_run(one, graph.batch, running) for one in made]
    if not running.gpu or running.execution != COMPILED:
        return found
    return fused(graph, found, DTYPE_BYTES[stored], wide)


def forward_phase(estimator: Estimator, found: list[Operation], training: bool = False) -> str:
    """The calibration phase of a forward pass, which may depend on whether it is for training, and on whether the
    weights fit into the cache.
    """
    if estimator.model is None:
        return "forward"
    phase = "training forward" if training else estimator.model.inference_phase(found)
    return phase if phase in estimator.model.phases else "forward"


def forward_times(estimator: Estimator, found: list[Operation], training: bool = False) -> dict[int, Estimate]:
    """The time of each layer's forward pass, by its node's identity."""
    phase = forward_phase(estimator, found, training)
    times: dict[int, list[Estimate]] = defaultdict(list)
    for one in found:
        took = estimator.estimate(one, phase, training)
        times[id(one.node)].append(took.apart(_UNPACKING) if one.unpacks else took)
    return each_total(times)


def _backward(estimator: Estimator, gradient: Gradient) -> Estimate:
    """The time by the coefficients of the backward pass or, kernel by kernel, by those of the forward pass.

    The latter were not measured on such products, so they count as neighbours.
    """
    model = estimator.model
    if model is not None and "backward" in model.phases:
        return estimator.estimate(gradient.forward, "backward", True).times(gradient.share)
    return total(estimator.unmeasured(kernel) for kernel in gradient.kernels)


def _loss(estimator: Estimator, graph: Graph) -> Estimate:
    one = loss_work(graph, estimator.stored)
    return estimator.estimate(one, "forward", True) + estimator.estimate(one, "forward", True)


def loss_work(graph: Graph, stored: str) -> Work:
    """One pass of the loss over the output, at least in fp32; its gradient takes another."""
    kind = graph.document.trained_on
    elements = sum(y.numel * y.samples(graph.batch) for y in graph.outputs.values())
    size = elements * max(4, DTYPE_BYTES[stored])
    read = size * (2 if kind in _PAIRWISE else 1)
    return Work(kind, 0, 0, 0, _LOSS_FLOPS * elements, read, 0, size, 0, 1)


def _step(estimator: Estimator, costs: Costs, running: Running) -> Estimate:
    tensors = sum(stored * len(list(node.trained)) for node, stored, _ in walk(costs.graph.nodes))
    params = costs.totals.trainable
    if not params:
        return Estimate()
    types, model = running.types, estimator.model
    uniform = not (types.autocast or types.has_copy or running.batches > 1)
    if uniform and model is not None and estimator.is_measured and model.knows_step(running.optimizer):
        seconds = model.step_seconds(running.optimizer, tensors, params * types.width)
        return Estimate(seconds, seconds, seconds, {CALIBRATED: seconds}, {"memory": seconds})
    return estimator.by_datasheet(step_work(costs, running))


def step_work(costs: Costs, running: Running) -> Work:
    """The optimizer's step, the sums of gradients before it, and casts of parameters and gradients to other types."""
    params, optimizer, types = costs.totals.trainable, OPTIMIZERS[running.optimizer], running.types
    read, written = optimizer.reads * types.state_width, optimizer.writes * types.state_width
    if types.has_copy:  # 16-bit gradients are read, and the parameters are written once more
        read, written = read + types.width - types.state_width, written + types.width
    more = running.batches - 1
    read, written = read + 2 * more * types.width, written + more * types.width
    if types.autocast:  # parameters to 16 bits, and their gradients back
        low = BYTES[types.computes]
        read, written = read + running.batches * (types.width + low), written + running.batches * (types.width + low)
    products = sum(
        stored * optimizer.products([int(size) for size in shape])
        for node, stored, _ in walk(costs.graph.nodes)
        for shape in node.trained
    )
    read, written = int(read * params), int(written * params)
    return Work("step", 0, 0, 0, params * optimizer.flops + products, read, 0, written, 0, 1)


def _as_run(one: Operation, batch: int, running: Running) -> Operation:
    """Unfused attention writes and reads its scores twice, around the softmax; fused attention skips masked blocks."""
    if running.gpu and isinstance(one.node.layer, Rearrange) and _stays(one.node.layer.pattern, running.memory_format):
        return replace(one, in_bytes=0, out_bytes=0)
    if one.part == MASK:
        again = copied(one.flops, one.n, BYTES[running.types.computes], running)
        if again is None:
            return replace(one, in_bytes=0, out_bytes=0)
        return replace(one, in_bytes=one.in_bytes + again, out_bytes=one.out_bytes + again)
    if one.kind != "attention":
        return one
    if running.attention != MATH:
        # a CPU's calibration has measured whole products
        masked = 2 * int(one.node.masked_macs) * one.node.exit.samples(batch) if running.gpu else 0
        return replace(one, flops=max(0, one.flops - masked))
    autocast = running.gpu and running.types.autocast
    scores = one.out_bytes * one.n // max(1, one.k)
    added = added_by_hand(one.node.layer, scores, BYTES[running.types.computes], autocast)
    moved = 2 * scores * (_CAST_SCORES if autocast else 1) + added
    return replace(one, in_bytes=one.in_bytes + moved, out_bytes=one.out_bytes + moved, keeps_scores=True)


def _stays(pattern: str, memory_format: str) -> bool:
    """Whether a change of axes moves no data: moving channels to the front gives an image in channels-last format, and
    moving them to the back costs nothing if images are in that format already.
    """
    left, right = (side.split() for side in pattern.split("->"))
    if not all(name.isidentifier() for name in left) or len(left) < 3:
        return False
    return right == [*left[-1:], *left[:-1]] or (memory_format == CHANNELS_LAST and right == [*left[1:], left[0]])


def _run_again(nodes: Iterable[Node], names: Sequence[str], inside: bool = False) -> Iterator[Node]:
    """The layers in groups of these names, which are recomputed before their backward pass."""
    for node in nodes:
        within = inside or (node.layer is None and bool({node.name, node.op, node.id} & set(names)))
        if within and node.layer is not None:
            yield node
        yield from _run_again(node.children, names, within)
