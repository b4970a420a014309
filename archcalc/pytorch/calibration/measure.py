"""One layer measured as it runs inside a network: its input just written, its weights not in cache.

A loop over the same call finds the weights in cache, which a network, whose other layers ran in
between, does not; a cache emptied before every call loses the input too, which the layer before
has just written. So the input is written anew before each call, and the calls go round copies of
the layer that together are larger than the cache.
"""

from __future__ import annotations

import copy
import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from archcalc.network.load import Graph
from archcalc.pytorch.calibration.sample import Sample
from archcalc.pytorch.instance import example_inputs, instantiate
from archcalc.pytorch.setup import DTYPES

PHASES = ("forward", "backward")
_MOST_COPIES = 64
_WARMUP, _LEAST, _MOST = 3, 5, 40
# Warm-up ends when the last runs lie this close together, relative to their median.
_SETTLED = 0.10


@dataclass(frozen=True)
class Measurement:
    """The seconds that one layer took: medians, and half the distance between the quartiles."""

    sample: Sample
    graph: Graph
    seconds: dict[str, float]
    spread: dict[str, float]


class Stopwatch:
    """Seconds of one call.

    On a CPU with one thread it is the thread's own processor time, which other processes on the
    machine do not lengthen; with several threads it is the wall clock's; on CUDA two events around the call.
    """

    def __init__(self, device: torch.device, threads: int) -> None:
        self.device = device
        self.clock = time.thread_time if threads == 1 else time.perf_counter
        self.overhead = 0.0
        empty = nn.Identity()
        with torch.inference_mode():
            x = torch.zeros(1, device=device)
            self.overhead = statistics.median(self(lambda: empty(x)) for _ in range(200))

    def __call__(self, call: Callable[[], Any]) -> float:
        """Run `call`; its seconds, without those of calling a module that does nothing."""
        if self.device.type == "cuda":
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
            start.record(torch.cuda.current_stream(self.device))
            call()
            end.record(torch.cuda.current_stream(self.device))
            end.synchronize()
            return max(0.0, float(start.elapsed_time(end)) / 1000 - self.overhead)
        before = self.clock()
        call()
        return max(0.0, self.clock() - before - self.overhead)


class Rotation:
    """Copies of a layer, taken in turn, and its input, written anew before each."""

    def __init__(self, graph: Graph, device: torch.device, dtype: str, cache_bytes: int) -> None:
        module = instantiate(graph, str(device)).to(DTYPES[dtype])
        weights = sum(p.numel() * p.element_size() for p in (*module.parameters(), *module.buffers()))
        count = min(_MOST_COPIES, 1 + 2 * cache_bytes // weights) if weights else 1
        self.modules = [module, *(copy.deepcopy(module) for _ in range(count - 1))]
        self.fresh = [_cast(x, dtype) for x in example_inputs(graph, str(device))]
        self.inputs = [x.clone() for x in self.fresh]
        self._turn: Iterator[nn.Module] = itertools.cycle(self.modules)

    def forward(self, watch: Stopwatch) -> float:
        """One forward pass at inference."""
        with torch.inference_mode():
            for x, fresh in zip(self.inputs, self.fresh):
                x.copy_(fresh)
            module = next(self._turn)
            return watch(lambda: module(*self.inputs))

    def backward(self, watch: Stopwatch) -> float | None:
        """One backward pass, as inside a network: the inputs need gradients as well. None where nothing does."""
        module = next(self._turn)
        inputs = [fresh.clone().requires_grad_(fresh.is_floating_point()) for fresh in self.fresh]
        given = module(*inputs)
        outputs = [y for y in (given if isinstance(given, tuple) else (given,)) if y.requires_grad]
        if not outputs:
            return None
        gradients = [torch.randn_like(y) for y in outputs]
        taken = watch(lambda: torch.autograd.backward(outputs, gradients))
        module.zero_grad(set_to_none=True)
        return taken

    def train(self) -> None:
        """Have all copies keep what the backward pass needs."""
        for module in self.modules:
            module.train()

    def eval(self) -> None:
        """Have all copies behave as at inference."""
        for module in self.modules:
            module.eval()


def _cast(x: torch.Tensor, dtype: str) -> torch.Tensor:
    return x.to(DTYPES[dtype]) if x.is_floating_point() else x


def measure(
    sample: Sample, device: torch.device, dtype: str, cache_bytes: int, seconds: float, watch: Stopwatch
) -> Measurement:
    """Measure one layer, forward and backward, in about `seconds`.

    Raises:
        SpecError: its shapes do not fit together.
        BuildError: it cannot be written as a module.
    """
    graph = sample.graph()
    rotation = Rotation(graph, device, dtype, cache_bytes)
    found: dict[str, float] = {}
    spread: dict[str, float] = {}
    for phase, share, prepare, run in (
        ("forward", 0.5, rotation.eval, rotation.forward),
        ("backward", 0.5, rotation.train, rotation.backward),
    ):
        prepare()
        taken = _repeated(lambda run=run: run(watch), seconds * share)  # type: ignore[misc]
        if taken:
            found[phase] = statistics.median(taken)
            low, _, high = statistics.quantiles(taken, n=4)
            spread[phase] = (high - low) / 2
    return Measurement(sample, graph, found, spread)


def _repeated(run: Callable[[], float | None], seconds: float) -> list[float]:
    """Times after warming up until they settle; empty where `run` gives none."""
    end = time.perf_counter() + seconds
    recent: list[float] = []
    for _ in range(_MOST):
        taken = run()
        if taken is None:
            return []
        recent = [*recent, taken][-_WARMUP:]
        settled = len(recent) == _WARMUP and max(recent) - min(recent) <= _SETTLED * statistics.median(recent)
        if settled or time.perf_counter() > end - seconds / 2:
            break
    times: list[float] = []
    while len(times) < _MOST and (len(times) < _LEAST or time.perf_counter() < end):
        taken = run()
        assert taken is not None
        times.append(taken)
    return times
