"""The time of a network on a device: a forward pass, or a step of training, layer by layer and in total."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property

from archcalc.cost import DTYPE_BYTES, Costs
from archcalc.devices import Device
from archcalc.network.freezing import check_trains
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.prediction.backward import Gradient, gradients
from archcalc.prediction.estimate import CALIBRATED, Estimate, Estimator, total
from archcalc.prediction.operations import Operation, Work, operations

MODES = ("forward", "train")
# Bytes that a step reads and writes for each byte of parameters: the parameter read and written and its
# gradient read; Adam also reads and writes two averages.
_STEP_BYTES = {"sgd": (2, 1), "adam": (4, 3), "adamw": (4, 3)}
OPTIMIZERS = tuple(_STEP_BYTES)
# FLOPs of a step for each parameter.
_STEP_FLOPS = {"sgd": 2, "adam": 12, "adamw": 14}
# FLOPs of a loss for each element of the output, forward.
_LOSS_FLOPS = 6
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
        """Both passes."""
        return self.forward + self.backward


@dataclass(frozen=True)
class Prediction:
    """How long a network is expected to take.

    Attributes:
        graph, device, dtype, mode: what was predicted; optimizer: of a training step.
        layers: those that take part, in order of execution.
        loss, step: of a training step, else nothing.
        phases: of the calibration, whose coefficients were used; none without one.
        costs: of the network, for what it computes.
    """

    graph: Graph
    device: Device
    dtype: str
    mode: str
    optimizer: str
    layers: tuple[LayerTime, ...]
    loss: Estimate
    step: Estimate
    costs: Costs
    phases: tuple[str, ...]

    @cached_property
    def forward(self) -> Estimate:
        """The forward pass."""
        return total(layer.forward for layer in self.layers)

    @cached_property
    def backward(self) -> Estimate:
        """The backward pass."""
        return total(layer.backward for layer in self.layers)

    @cached_property
    def total(self) -> Estimate:
        """All of it."""
        return self.forward + self.loss + self.backward + self.step

    @property
    def samples_per_second(self) -> float:
        """Samples of the batch that go through in a second."""
        return self.graph.batch / self.total.seconds if self.total.seconds else 0.0

    @property
    def tokens(self) -> int:
        """Token ids that go in with one sample; 0 for a network that reads none."""
        return sum(int(x.elements) for x in self.graph.inputs.values() if x.integer)


def predict(
    graph: Graph, device: Device, dtype: str | None = None, mode: str = "forward", optimizer: str = "adamw"
) -> Prediction:
    """The time of a forward pass at inference (`forward`), or of a whole training step (`train`).

    Raises:
        RequestError: the device does not compute in `dtype`, or its calibration is not understood; nothing is trained.
    """
    estimator = Estimator(device, dtype)
    found = operations(graph, estimator.stored)
    training = mode == "train"
    forward = forward_times(estimator, found, training)
    backward: dict[int, Estimate] = defaultdict(Estimate)
    loss = step = Estimate()
    costs = Costs(graph, dtype=estimator.stored)
    if training:
        check_trains(graph, "--mode forward")
        for gradient in gradients(graph, found):
            backward[id(gradient.forward.node)] += _backward(estimator, gradient)
        loss, step = _loss(estimator, graph), _step(estimator, costs, optimizer)
    nodes = {id(one.node): one.node for one in found}
    layers = tuple(LayerTime(node, forward[key], backward.get(key, Estimate())) for key, node in nodes.items())
    known = estimator.model.phases if estimator.model is not None else []
    wanted = (forward_phase(estimator, found, training), *(["backward"] if training else []))
    phases = tuple(phase for phase in wanted if phase in known)
    return Prediction(graph, device, estimator.dtype, mode, optimizer, layers, loss, step, costs, phases)


def forward_phase(estimator: Estimator, found: list[Operation], training: bool = False) -> str:
    """The phase of the calibration for a pass forward: it may tell training from inference, and weights in the cache
    from those in memory.
    """
    if estimator.model is None:
        return "forward"
    phase = "training forward" if training else estimator.model.inference_phase(found)
    return phase if phase in estimator.model.phases else "forward"


def forward_times(estimator: Estimator, found: list[Operation], training: bool = False) -> dict[int, Estimate]:
    """The time of each layer forward, by its node's identity."""
    phase = forward_phase(estimator, found, training)
    times: dict[int, Estimate] = defaultdict(Estimate)
    for one in found:
        times[id(one.node)] += estimator.estimate(one, phase, training)
    return times


def _backward(estimator: Estimator, gradient: Gradient) -> Estimate:
    """By the coefficients of the backward pass, or kernel by kernel by those of the forward pass.

    The latter were not measured on such products, so they count as neighbours.
    """
    model = estimator.model
    if model is not None and "backward" in model.phases:
        return estimator.estimate(gradient.forward, "backward", True).times(gradient.share)
    return total(estimator.unmeasured(kernel) for kernel in gradient.kernels)


def _loss(estimator: Estimator, graph: Graph) -> Estimate:
    """The loss and its gradient: passes over the output, in fp32 where that has 16 bits."""
    kind = graph.document.loss.text if graph.document.loss else "mse"
    elements = sum(int(y.elements) * y.samples(graph.batch) for y in graph.outputs.values())
    size = elements * max(4, DTYPE_BYTES[estimator.stored])
    read = size * (2 if kind in _PAIRWISE else 1)
    one = Work(kind, 0, 0, 0, _LOSS_FLOPS * elements, read, 0, size, 0, 1)
    return estimator.estimate(one, "forward", True) + estimator.estimate(one, "forward", True)


def _step(estimator: Estimator, costs: Costs, optimizer: str) -> Estimate:
    """The optimizer's step, with its state in the type of the weights."""
    tensors = sum(stored * len(node.params) for node, stored, _ in walk(costs.graph.nodes) if not node.frozen)
    params = costs.totals.trainable
    if not params:
        return Estimate()
    size = params * DTYPE_BYTES[estimator.stored]
    model = estimator.model
    if model is not None and estimator.is_measured and model.knows_step(optimizer):
        seconds = model.step_seconds(optimizer, tensors, size)
        return Estimate(seconds, seconds, seconds, {CALIBRATED: seconds}, {"memory": seconds})
    read, written = _STEP_BYTES[optimizer]
    one = Work("step", 0, 0, 0, params * _STEP_FLOPS[optimizer], read * size, 0, written * size, 0, 1)
    return estimator.by_datasheet(one)
