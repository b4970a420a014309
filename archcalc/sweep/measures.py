"""The measures of a network at a point, by the names used in options and columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from archcalc.advice import suggest
from archcalc.cost import Costs
from archcalc.devices import Device
from archcalc.diagnostics import RequestError
from archcalc.memory.allocator import needed
from archcalc.memory.footprint import Footprint, footprint
from archcalc.memory.how import how
from archcalc.memory.structure import Structure
from archcalc.network.freezing import check_trains
from archcalc.network.load import Graph
from archcalc.network.paths import depth
from archcalc.prediction.generation import Decoding, decode
from archcalc.prediction.predict import predict
from archcalc.running import Running
from archcalc.running.declaration import GENERATE, INFERENCE, TRAIN
from archcalc.running.refusals import OF
from archcalc.sweep.axis import Axis

COUNT, BYTES, SECONDS = "count", "bytes", "seconds"


class Shared:
    """What does not depend on batch size or run settings, and cached footprints."""

    def __init__(self, graph: Graph) -> None:
        self.structure = Structure(graph)
        self._footprints: dict[tuple[Running, bool], Footprint] = {}

    def footprint(self, graph: Graph, running: Running) -> Footprint:
        """The cache key of a run without its device: tensors are the same on all GPUs once the kernels are chosen."""
        key = running.also(device=None), running.gpu
        if key not in self._footprints:
            self._footprints[key] = footprint(graph, running, self.structure)
        return replace(self._footprints[key], running=running)


class Subject:
    """A network and its run settings; results are computed once.

    Memory is what `archcalc memory` compares with a device or a limit.
    """

    def __init__(self, graph: Graph, said: Running, chip: Device | None = None, shared: Shared | None = None) -> None:
        self.graph, self.said, self.chip = graph, said, chip
        self.shared = shared or Shared(graph)
        self.runs: dict[str, Running] = {}

    @cached_property
    def costs(self) -> Costs:
        """Parameters, operations and bytes; activations are those at inference."""
        return Costs(self.graph, dtype=self.how(INFERENCE).types.stores)

    def how(self, mode: str) -> Running:
        """How it is run in a mode."""
        if mode not in self.runs:
            self.runs[mode] = how(self.graph, self.said, mode, self.chip)
        return self.runs[mode]

    def peak(self, mode: str) -> int:
        """The bytes that a mode takes."""
        if mode == TRAIN:
            check_trains(self.graph, "inference_memory")
        return needed(self.shared.footprint(self.graph, self.how(mode)))

    def seconds(self, mode: str) -> float:
        """The predicted time of a forward pass, a training step, or the prompt with all new tokens."""
        if mode == GENERATE:
            return self.decoding.total.seconds
        return predict(self.graph, self.how(mode), self.shared.structure).total.seconds

    @property
    def token_seconds(self) -> float:
        """The predicted time of a new token of each sample."""
        return self.decoding.step.seconds

    @cached_property
    def decoding(self) -> Decoding:
        """The predicted times of generation."""
        return decode(self.graph, self.how(GENERATE))


@dataclass(frozen=True)
class Measure:
    """A measure of a network.

    Attributes:
        name: its name in options; key: its key in machine-readable reports, with the unit.
        title: its name in a sentence.
        unit: "count", "bytes" or "seconds".
        of: computes its value, for the whole batch.
        is_cost: whether less of it is better in a comparison.
        mode: in which it is run; empty for what is the same in all.
    """

    name: str
    key: str
    title: str
    unit: str
    of: Callable[[Subject], float]
    is_cost: bool = True
    mode: str = ""

    @property
    def needs_device(self) -> bool:
        """Whether it depends on the device."""
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
        Measure("depth", "depth", "layers with weights on the longest path", COUNT, lambda one: depth(one.graph), False),
        Measure("memory", "memory_bytes", "bytes for training", BYTES, lambda one: one.peak(TRAIN), mode=TRAIN),
        Measure("inference_memory", "inference_memory_bytes", "bytes for inference", BYTES, lambda one: one.peak(INFERENCE), mode=INFERENCE),
        Measure("generation_memory", "generation_memory_bytes", "bytes for generation", BYTES, lambda one: one.peak(GENERATE), mode=GENERATE),
        Measure("time", "time_seconds", "time of a forward pass", SECONDS, lambda one: one.seconds(INFERENCE), mode=INFERENCE),
        Measure("step_time", "step_time_seconds", "time of a training step", SECONDS, lambda one: one.seconds(TRAIN), mode=TRAIN),
        Measure("generation_time", "generation_time_seconds", "time of generation", SECONDS, lambda one: one.seconds(GENERATE), mode=GENERATE),
        Measure("token_time", "token_time_seconds", "time of each generated token", SECONDS, lambda one: one.token_seconds, mode=GENERATE),
    )
}  # fmt: skip
USUAL = ("params", "macs", "activations")
_OF_MODE = {TRAIN: ("memory", "step_time"), GENERATE: ("generation_memory", "token_time")}


def usual(said: Running, axes: Sequence[Axis], has_device: bool) -> Sequence[str]:
    """The measures that are computed by default: counts, or if run settings vary, what depends on them.

    Settings of training or generation have what depends on them beside the counts.
    """
    of_said = {OF[name] for name in said.said if name in OF}
    modes = {OF.get(axis.name, TRAIN) for axis in axes} if axes else of_said
    if axes and GENERATE in of_said:
        modes = {GENERATE}
    names = [name for mode in (TRAIN, GENERATE) if mode in modes for name in _OF_MODE[mode]]
    return [*(() if axes else USUAL), *(name for name in names if has_device or not MEASURES[name].needs_device)]


def check_axes(axes: Sequence[Axis], wanted: Sequence[Measure]) -> None:
    """Raise `RequestError` for an axis that no measure depends on."""
    for axis in axes:
        if OF.get(axis.name) == GENERATE and not any(measure.mode == GENERATE for measure in wanted):
            raise RequestError(f"`{axis.name}` is of generation: add a measure of it, e.g. --show generation_memory")


def measures(names: Iterable[str], has_device: bool) -> list[Measure]:
    """The measures of these names, each once.

    Raises:
        RequestError: an unknown name, or a measure that needs a device.
    """
    return [_measure(name, has_device) for name in dict.fromkeys(names)]


def _measure(name: str, has_device: bool) -> Measure:
    if name not in MEASURES:
        near = suggest(name, list(MEASURES))
        raise RequestError(
            f"no measure is named `{name}`: "
            + (f"did you mean `{near}`?" if near else f"expected one of {', '.join(MEASURES)}")
        )
    found = MEASURES[name]
    if found.needs_device and not has_device:
        raise RequestError(f"`{name}` needs a device: give --device, e.g. --device h100")
    return found
