"""What `archcalc profile` measured, for every form."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from functools import cached_property

from archcalc.cost import Costs
from archcalc.network.load import Graph
from archcalc.prediction.estimate import Estimate
from archcalc.prediction.predict import Prediction
from archcalc.reports.rows import Row
from archcalc.running import Running
from archcalc.running.precisions import BYTES

# The machine was busy if the thread did not run for this fraction of the time.
_BUSY = 0.15


@dataclass
class Times:
    """Seconds of repeated runs."""

    seconds: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The middle value; 0 for no run."""
        return statistics.median(self.seconds) if self.seconds else 0.0

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, in seconds."""
        if len(self.seconds) < 4:
            return (max(self.seconds) - min(self.seconds)) / 2 if self.seconds else 0.0
        low, _, high = statistics.quantiles(self.seconds, n=4)
        return (high - low) / 2


@dataclass
class LayerTime:
    """The times of a layer's copies, forward and, in training, backward; `row` has its static costs.

    Attributes:
        flops: the FLOPs of all copies in one run; `bytes`: the minimum that they read and write.
    """

    row: Row
    flops: int
    bytes: int
    forward: list[Times] = field(default_factory=list)
    backward: list[Times] = field(default_factory=list)

    @property
    def forward_seconds(self) -> float:
        """The sum of the copies' medians."""
        return sum(times.median for times in self.forward)

    @property
    def backward_seconds(self) -> float:
        """The same of the backward pass."""
        return sum(times.median for times in self.backward)

    @property
    def seconds(self) -> float:
        """Forward and backward."""
        return self.forward_seconds + self.backward_seconds

    @property
    def range(self) -> tuple[float, float]:
        """The fastest and the slowest copy."""
        medians = [one.median + other.median for one, other in zip(self.forward, self.backward)]
        return min(medians, default=0.0), max(medians, default=0.0)


@dataclass
class Profile:
    """What was measured.

    Attributes:
        running: how it was run, with all defaults.
        threads: CPU threads; None on another device.
        total: the times of the whole run; phases: those of its parts in training.
        peak: bytes; None if the device does not count them. predicted: the prediction of `archcalc memory`.
        warmup: runs that do not count.
        torch: the version of PyTorch.
        worked: on a CPU, the time for which the program's thread ran, as in the times of layers; worked_in: by phase.
        time: the prediction of `archcalc predict` for the same run, or why there is none.
        interrupted: whether it was stopped early, so that there may be no layers.
    """

    graph: Graph
    running: Running
    device: str
    threads: int | None
    total: Times
    phases: dict[str, Times]
    layers: list[LayerTime]
    peak: int | None
    predicted: int
    warmup: int
    costs: Costs
    torch: str
    interrupted: bool = False
    worked: Times = field(default_factory=Times)
    worked_in: dict[str, Times] = field(default_factory=dict)
    time: Prediction | str = ""

    @property
    def waited(self) -> float:
        """The fraction of the time in which other programs ran instead of the thread; 0 if unknown."""
        if not self.worked.seconds or not self.total.median:
            return 0.0
        return 1 - self.worked.median / self.total.median

    @property
    def is_busy(self) -> bool:
        """Whether other programs took much of the time."""
        return self.waited >= _BUSY

    @property
    def quiet_seconds(self) -> float:
        """The time of a run; on a busy machine, that of its thread."""
        return self.worked.median if self.is_busy else self.total.median

    @property
    def phase_predictions(self) -> dict[str, Estimate]:
        """The predicted time of each phase of a training step that has one."""
        one = self.time
        if isinstance(one, str) or not self.phases:
            return {}
        return {"forward": one.forward, "loss": one.loss, "backward": one.backward, "step": one.step}

    @cached_property
    def _layer_predictions(self) -> dict[int, float]:
        layers = () if isinstance(self.time, str) else self.time.layers
        return {id(layer.node): layer.total.seconds for layer in layers}

    def predicted_seconds(self, layer: LayerTime) -> float | None:
        """The predicted time of a layer, or None."""
        return self._layer_predictions.get(id(layer.row.node))

    @property
    def layer_seconds(self) -> float:
        """The sum of the layers' times."""
        return sum(layer.seconds for layer in self.layers)

    def activations(self, bytes: int) -> int:
        """Bytes of activations in fp32, in the type of this run."""
        return bytes * BYTES[self.running.types.stores] // 4

    @property
    def samples_per_second(self) -> float:
        """Samples per second."""
        samples = self.graph.batch * self.running.batches
        return samples / self.total.median if self.total.median else 0.0


@dataclass
class Comparison:
    """Two networks measured alternately.

    Attributes:
        running: how the first of them was run.
        ratios: the first network's time divided by the second's, in each round.
    """

    graphs: tuple[Graph, Graph]
    running: Running
    device: str
    times: list[Times]
    interrupted: bool = False

    @property
    def ratios(self) -> list[float]:
        """The first's time over the second's, in each round."""
        first, second = (times.seconds for times in self.times)
        return [a / b for a, b in zip(first, second)]
