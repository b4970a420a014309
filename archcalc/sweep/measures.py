"""What can be computed of a network at a point: each by the name that options and columns have for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

from archcalc.advice import suggest
from archcalc.cost import Costs
from archcalc.devices import Device
from archcalc.diagnostics import RequestError
from archcalc.memory.plan import Plan
from archcalc.memory.simulation import simulate
from archcalc.network.freezing import check_trains
from archcalc.network.load import Graph
from archcalc.network.paths import depth
from archcalc.prediction.estimate import Estimator
from archcalc.prediction.predict import predict

COUNT, BYTES, SECONDS = "count", "bytes", "seconds"


@dataclass(frozen=True)
class Conditions:
    """How the network is run, as far as memory and time depend on it.

    Attributes:
        dtype: type of weights and activations; None for the device's usual one, or fp32.
        optimizer: of a training step: "sgd", "adam" or "adamw".
        device: what it runs on; without one there is no time.
    """

    dtype: str | None = None
    optimizer: str = "adam"
    device: Device | None = None

    @property
    def type(self) -> str:
        """The type that is computed in. Raises `RequestError` when the device does not."""
        if self.device is None:
            return self.dtype or "fp32"
        return Estimator(self.device, self.dtype).dtype


class Subject:
    """A network under conditions; what is asked for is computed once."""

    def __init__(self, graph: Graph, conditions: Conditions) -> None:
        self.graph = graph
        self.conditions = conditions

    @cached_property
    def costs(self) -> Costs:
        """Parameters, operations and bytes."""
        dtype = self.conditions.type
        return Costs(self.graph, dtype="fp32" if dtype == "tf32" else dtype)

    def peak(self, training: bool) -> int:
        """The most bytes at one moment of a training step, or of a forward pass."""
        if training:
            check_trains(self.graph, "inference_memory")
        device = self.conditions.device
        gpu = device is not None and device.kind == "gpu"
        plan = Plan(training, self.conditions.type, self.conditions.optimizer, gpu=gpu)
        return simulate(self.graph, plan).peak

    def seconds(self, mode: str) -> float:
        """The predicted time of a forward pass or a training step."""
        assert self.conditions.device is not None  # `measures` refuses to go without
        return predict(
            self.graph, self.conditions.device, self.conditions.type, mode, self.conditions.optimizer
        ).total.seconds


@dataclass(frozen=True)
class Measure:
    """Something that is computed of a network.

    Attributes:
        name: what options call it; key: what documents for machines call it, with the unit.
        title: what a sentence calls it.
        unit: "count", "bytes" or "seconds".
        of: its value, for the whole batch.
        is_cost: whether less of it is better where one is weighed against another.
    """

    name: str
    key: str
    title: str
    unit: str
    of: Callable[[Subject], float]
    is_cost: bool = True

    @property
    def needs_device(self) -> bool:
        """Whether it depends on what the network runs on."""
        return self.unit == SECONDS


MEASURES = {
    measure.name: measure
    for measure in (
        Measure("params", "params", "parameters", COUNT, lambda one: one.costs.totals.params, is_cost=False),
        Measure("trainable", "trainable_params", "trainable parameters", COUNT, lambda one: one.costs.totals.trainable),
        Measure("macs", "macs", "MACs", COUNT, lambda one: one.costs.totals.macs),
        Measure("flops", "flops", "FLOPs", COUNT, lambda one: one.costs.totals.flops),
        Measure("other_flops", "other_flops", "element-wise FLOPs", COUNT, lambda one: one.costs.totals.other_flops),
        Measure("activations", "activation_bytes", "activations", BYTES, lambda one: one.costs.totals.activation_bytes),
        Measure("depth", "depth", "layers with weights one behind the other", COUNT, lambda one: depth(one.graph), False),
        Measure("memory", "memory_bytes", "bytes for training", BYTES, lambda one: one.peak(training=True)),
        Measure("inference_memory", "inference_memory_bytes", "bytes for inference", BYTES, lambda one: one.peak(training=False)),
        Measure("time", "time_seconds", "time of a forward pass", SECONDS, lambda one: one.seconds("forward")),
        Measure("step_time", "step_time_seconds", "time of a training step", SECONDS, lambda one: one.seconds("train")),
    )
}  # fmt: skip
USUAL = ("params", "macs", "activations")


def measures(names: Iterable[str], conditions: Conditions) -> list[Measure]:
    """The measures of these names, each once.

    Raises:
        RequestError: there is none of a name, or it needs a device.
    """
    return [_measure(name, conditions) for name in dict.fromkeys(names)]


def _measure(name: str, conditions: Conditions) -> Measure:
    if name not in MEASURES:
        near = suggest(name, list(MEASURES))
        raise RequestError(
            f"nothing is measured as `{name}`: "
            + (f"did you mean `{near}`?" if near else f"there are {', '.join(MEASURES)}")
        )
    found = MEASURES[name]
    if found.needs_device and conditions.device is None:
        raise RequestError(f"`{name}` is that on a device: give --device, as --device h100")
    return found
