"""One layer, measured as it runs inside a network: its input has just been written, its weights are not in cache.

A loop over the same call would find the weights in cache, which a network does not: its other layers run in between.
Emptying the cache before every call would lose the input too, which the previous layer has just written. So the
input is written again before each call; calls rotate through copies of the layer that together exceed the cache; and
outputs are kept for one such round, so that the next one goes to memory that was not used recently.
"""

from __future__ import annotations

import copy
import itertools
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from archcalc.network.load import Graph
from archcalc.prediction.operations import operations
from archcalc.pytorch.calibration.sample import Sample
from archcalc.pytorch.instance import example_inputs, instantiate
from archcalc.pytorch.memory import tensor_bytes
from archcalc.pytorch.setup import DTYPES
from archcalc.reports.profile.report import Times

_MOST_COPIES = 64
_CALLS = 200
_WARMUP, _LEAST, _MOST = 3, 5, 40
# Warm-up ends when the last runs lie within this fraction of their median.
_SETTLED = 0.10


@dataclass(frozen=True)
class Measurement:
    """How long one layer took in each phase."""

    graph: Graph
    times: dict[str, Times]

    @property
    def seconds(self) -> dict[str, float]:
        """The lower quartiles: whatever else runs on the machine can only lengthen a time."""
        return {phase: sorted(times.seconds)[len(times.seconds) // 4] for phase, times in self.times.items()}


class Stopwatch:
    """Times one call, in seconds.

    On a CPU with one thread this is the thread's own processor time, which other processes do not lengthen;
    with several threads it is wall-clock time; on CUDA, the time between two events around the call.
    """

    def __init__(self, device: torch.device, threads: int) -> None:
        self.device = device
        self.clock = time.thread_time if threads == 1 else time.perf_counter
        self.overhead = 0.0
        empty, x = nn.Identity(), torch.zeros(1, device=device)
        with torch.inference_mode():
            self.overhead = statistics.median(self(lambda: empty(x))[0] for _ in range(_CALLS))
        leaf = torch.zeros(1, device=device, requires_grad=True)
        views = [leaf.view_as(leaf) for _ in range(_CALLS)]
        self.backward_overhead = statistics.median(self(view.backward)[0] for view in views)

    def backward(self, outputs: list[torch.Tensor], gradients: list[torch.Tensor]) -> float:
        """The seconds of a backward pass, less the cost of starting one: a network starts one for all its layers."""
        return max(0.0, self(lambda: torch.autograd.backward(outputs, gradients))[0] - self.backward_overhead)

    def __call__(self, call: Callable[[], Any]) -> tuple[float, Any]:
        """Run `call`; returns its seconds, less those of calling a module that does nothing, and its result."""
        if self.device.type == "cuda":
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
            start.record(torch.cuda.current_stream(self.device))
            output = call()
            end.record(torch.cuda.current_stream(self.device))
            end.synchronize()
            return max(0.0, float(start.elapsed_time(end)) / 1000 - self.overhead), output
        before = self.clock()
        output = call()
        return max(0.0, self.clock() - before - self.overhead), output


class Rotation:
    """Copies of a layer, used in turn, and its input, written again before each call."""

    def __init__(self, graph: Graph, device: torch.device, dtype: str, cache_bytes: int) -> None:
        module = instantiate(graph, str(device)).to(DTYPES[dtype])
        weights = tensor_bytes((*module.parameters(), *module.buffers()))
        count = min(_MOST_COPIES, 1 + 2 * cache_bytes // weights) if weights else 1
        self.modules = [module, *(copy.deepcopy(module) for _ in range(count - 1))]
        self.fresh = [_cast(x, dtype) for x in example_inputs(graph, str(device))]
        self.inputs = [x.clone() for x in self.fresh]
        self.has_weights = weights > 0
        # Inside a network, inputs need gradients; an image does not.
        self._inside = not any(one.kind == "first convolution" for one in operations(graph))
        self._turn: Iterator[nn.Module] = itertools.cycle(self.modules)
        self._kept: deque[tuple[list[torch.Tensor], int]] = deque()
        self._room = cache_bytes

    def inference(self, watch: Stopwatch) -> dict[str, float]:
        """The seconds of one forward pass."""
        return {"forward": self._forward(next(self._turn), watch)}

    def cached(self, watch: Stopwatch) -> dict[str, float]:
        """The same with weights that the last call has just read, as in a network that fits into the cache."""
        return {"cached forward": self._forward(self.modules[0], watch)}

    def _forward(self, module: nn.Module, watch: Stopwatch) -> float:
        with torch.inference_mode():
            for x, fresh in zip(self.inputs, self.fresh):
                x.copy_(fresh)
            module.eval()
            seconds, output = watch(lambda: module(*self.inputs))
            self._keep(_tensors(output))
        return seconds

    def training(self, watch: Stopwatch) -> dict[str, float]:
        """The seconds of a forward and a backward pass of training."""
        module = next(self._turn).train()
        inputs = [fresh.clone().requires_grad_(self._inside and fresh.is_floating_point()) for fresh in self.fresh]
        forward, output = watch(lambda: module(*inputs))
        outputs = [y for y in _tensors(output) if y.requires_grad]
        if not outputs:
            return {"training forward": forward}
        gradients = [torch.randn_like(y) for y in outputs]
        backward = watch.backward(outputs, gradients)
        self._keep([*gradients, *(x.grad for x in (*inputs, *module.parameters()) if x.grad is not None)])
        module.zero_grad(set_to_none=True)
        return {"training forward": forward, "backward": backward}

    def _keep(self, tensors: list[torch.Tensor]) -> None:
        """Hold on to tensors until a cache's worth of newer ones has followed."""
        size = tensor_bytes(tensors)
        self._kept.append((tensors, size))
        self._room -= size
        while self._room < 0 and self._kept:
            self._room += self._kept.popleft()[1]


def _tensors(output: Any) -> list[torch.Tensor]:
    return list(output) if isinstance(output, tuple) else [output]


def _cast(x: torch.Tensor, dtype: str) -> torch.Tensor:
    return x.to(DTYPES[dtype]) if x.is_floating_point() else x


def measure(
    sample: Sample, device: torch.device, dtype: str, cache_bytes: int, seconds: float, watch: Stopwatch
) -> Measurement:
    """Measure one layer, at inference and in training, in about `seconds`.

    Raises:
        SpecError: its shapes do not fit together.
        BuildError: it cannot be written as a module.
    """
    graph = sample.graph()
    rotation = Rotation(graph, device, dtype, cache_bytes)
    taken: dict[str, Times] = {}
    runs = (rotation.inference, rotation.training, *([rotation.cached] if rotation.has_weights else []))
    for run in runs:
        taken |= _repeated(lambda run=run: run(watch), seconds / len(runs))  # type: ignore[misc]
    taken.setdefault("cached forward", taken["forward"])
    return Measurement(graph, taken)


def _repeated(run: Callable[[], dict[str, float]], seconds: float) -> dict[str, Times]:
    """Times by phase, after warming up until they settle."""
    start = time.perf_counter()
    recent: list[float] = []
    for _ in range(_MOST):
        recent = [*recent, sum(run().values())][-_WARMUP:]
        settled = len(recent) == _WARMUP and max(recent) - min(recent) <= _SETTLED * statistics.median(recent)
        if settled or time.perf_counter() > start + seconds / 2:
            break
    times: dict[str, Times] = {}
    for index in range(_MOST):
        if index >= _LEAST and time.perf_counter() > start + seconds:
            break
        for phase, one in run().items():
            times.setdefault(phase, Times()).seconds.append(one)
    return times
