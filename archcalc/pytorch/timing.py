"""Timing done properly: warm up until times settle, wait for the device, report median and spread."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

# Warm-up ends when the last runs lie within this fraction of their median.
_SETTLED = 0.05
_LAST = 3
_LONGEST_WARMUP = 30


class Clock:
    """Time marks on a device; `between` waits for the device and gives the seconds between them.

    On CUDA a mark is an event in the stream, so that marking does not make the device wait. On a CPU `worked` gives the time
    that this thread ran in between: time taken by other programs does not count.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.marks: list[float | torch.cuda.Event] = []
        self._worked: list[float] = []

    def start(self) -> None:
        """Forget all marks, wait for the device, and make the first one."""
        self.wait()
        self.marks, self._worked = [], []
        self.mark()

    def mark(self) -> None:
        """Add a mark."""
        if self.device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record(torch.cuda.current_stream(self.device))
            self.marks.append(event)
        else:
            if self.device.type != "cpu":
                self.wait()
            self._worked.append(time.thread_time())
            self.marks.append(time.perf_counter())

    def wait(self) -> None:
        """Wait until the device has finished all its work."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        elif self.device.type == "mps":
            torch.mps.synchronize()

    def between(self) -> list[float]:
        """Seconds between successive marks."""
        self.wait()
        return [_elapsed(a, b) for a, b in zip(self.marks, self.marks[1:])]

    def worked(self) -> list[float]:
        """On a CPU, the seconds that this thread ran between successive marks; empty on other devices."""
        if self.device.type != "cpu":
            return []
        return [b - a for a, b in zip(self._worked, self._worked[1:])]


def _elapsed(a: float | torch.cuda.Event, b: float | torch.cuda.Event) -> float:
    if isinstance(a, float) and isinstance(b, float):
        return b - a
    milliseconds: float = a.elapsed_time(b)  # type: ignore[union-attr,arg-type]
    return milliseconds / 1000


@dataclass(frozen=True)
class Budget:
    """How long to measure: warm-up runs, counted runs, and a bound in seconds."""

    warmup: int | None = None
    repeat: int = 20
    seconds: float = 10.0


def settle(run: Callable[[], float], budget: Budget) -> int:
    """Run until the time settles, or as often as the budget allows; returns the number of runs.

    It makes at least one run, and takes at most a third of the budget's seconds.
    """
    if budget.warmup is not None:
        for _ in range(budget.warmup):
            run()
        return budget.warmup
    end = time.perf_counter() + budget.seconds / 3
    recent: list[float] = []
    for index in range(_LONGEST_WARMUP):
        recent = [*recent, run()][-_LAST:]
        if time.perf_counter() > end or (len(recent) == _LAST and _is_settled(recent)):
            return index + 1
    return _LONGEST_WARMUP


def _is_settled(seconds: Sequence[float]) -> bool:
    return max(seconds) - min(seconds) <= _SETTLED * statistics.median(seconds)


def repeat(runs: Sequence[Callable[[], object]], budget: Budget, step: Callable[[], None] = lambda: None) -> bool:
    """Call each of `runs` in turn, A B A B ..., until the budget is used up; returns whether it was interrupted.

    An interrupt ends it early and keeps the runs made so far.
    """
    end = time.perf_counter() + budget.seconds * len(runs)
    rounds = 0
    try:
        while rounds < budget.repeat and (rounds < 3 or time.perf_counter() < end):
            for run in runs:
                run()
            rounds += 1
            step()
    except KeyboardInterrupt:
        return True
    return False
