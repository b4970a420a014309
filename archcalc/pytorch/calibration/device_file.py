"""Measurements as a device: the fit in the form that `archcalc predict` reads, and the points behind it."""

from __future__ import annotations

import datetime
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch

from archcalc import __version__
from archcalc.devices import Device
from archcalc.diagnostics import RequestError
from archcalc.prediction.model import PHASES, features, pool_of
from archcalc.prediction.work import Work
from archcalc.pytorch.calibration import machine
from archcalc.pytorch.calibration.fit import Fit, Point, fit
from archcalc.pytorch.setup import device_name

SOURCE = "archcalc calibrate"
# What a driver takes for a process before its first tensor: an estimate.
_CONTEXT_BYTES = 524_288_000


@dataclass(frozen=True)
class Conditions:
    """The conditions of a measurement; points measured under different ones are not fitted together."""

    name: str
    title: str
    kind: str
    processors: int
    memory_bytes: int
    cache_bytes: int
    near_bytes: int
    dtype: str
    threads: int
    version: str

    @classmethod
    def now(cls, device: torch.device, dtype: str, threads: int, name: str) -> Conditions:
        """The conditions on this machine."""
        if device.type == "cuda":
            count = int(torch.cuda.get_device_properties(device).multi_processor_count)
            title, kind = device_name(device), "gpu"
        else:
            count, title, kind = threads, machine.processor_name(), "cpu"
        return cls(
            name,
            title,
            kind,
            count,
            machine.memory_bytes(device),
            machine.cache_bytes(device),
            machine.near_cache_bytes(device),
            dtype,
            threads,
            torch.__version__,
        )


@dataclass(frozen=True)
class Measured:
    """A measured layer: the kind of its only operation or the layer's name, what it does, and its seconds by phase."""

    label: str
    work: tuple[Work, ...]
    seconds: Mapping[str, float]

    @classmethod
    def of(cls, op: str, found: Sequence[Work], seconds: Mapping[str, float]) -> Measured:
        """The measurement of layer `op`; phases that took no time are left out."""
        label = found[0].kind if len(found) == 1 else op
        return cls(label, tuple(found), {phase: float(f"{one:.4g}") for phase, one in seconds.items() if one > 0})

    def packed(self) -> list[Any]:
        """As a list: label, seconds in each of `PHASES`, and a list for each operation."""
        seconds = [self.seconds.get(phase) for phase in PHASES]
        names = [field.name for field in fields(Work)]
        return [self.label, *seconds, *([getattr(one, name) for name in names] for one in self.work)]

    @classmethod
    def unpacked(cls, packed: Sequence[Any]) -> Measured:
        """The inverse of `packed`. Raises `ValueError` or `TypeError` for any other list."""
        label, *rest = packed
        seconds, work = rest[: len(PHASES)], rest[len(PHASES) :]
        return cls(
            str(label),
            tuple(Work(str(kind), *map(int, numbers)) for kind, *numbers in work),
            {phase: float(one) for phase, one in zip(PHASES, seconds) if one is not None},
        )


@dataclass(frozen=True)
class Rates:
    """What is measured besides layers.

    Attributes:
        flops: FLOP/s of the best matrix product.
        bandwidth: bytes per second of a copy, counting reads and writes.
        steps: for each optimizer, the seconds for a parameter tensor and for a byte of parameters.
    """

    flops: float
    bandwidth: float
    steps: Mapping[str, Sequence[float]]


def device_of(conditions: Conditions, rates: Rates, measured: Sequence[Measured]) -> Device:
    """The device with coefficients fitted to what was measured. Raises `RequestError` for too few kinds of layers."""

    def described(work: Work, phase: str) -> tuple[float, ...]:
        return features(work, conditions.kind, conditions.processors, phase, conditions.near_bytes)

    points = {
        phase: [
            Point(one.label, tuple((work.kind, described(work, phase)) for work in one.work), one.seconds[phase])
            for one in measured
            if phase in one.seconds
        ]
        for phase in PHASES
    }
    fits = {phase: fit(some, pool_of) for phase, some in points.items()}
    if len(fits["forward"].pools) < 2:
        raise RequestError("too few kinds of layers were measured: matrix products and element-wise work are needed")
    calibration: dict[str, Any] = {
        "archcalc": __version__,
        "torch": conditions.version,
        "threads": conditions.threads,
        "dtype": conditions.dtype,
        "clock": _clock(conditions),
        "date": datetime.date.today().isoformat(),
        "cache_bytes": conditions.cache_bytes,
        "near_cache_bytes": conditions.near_bytes,
        "layers": len(points["forward"]),
        "error": {phase: _error(one) for phase, one in fits.items()},
        "kinds": _by_kind(fits),
        "coefficients": {phase: one.coefficients for phase, one in fits.items()},
        "pools": {phase: one.pools for phase, one in fits.items()},
        "steps": {name: list(each) for name, each in rates.steps.items()},
        "measured": [one.packed() for one in measured],
    }
    return Device(
        conditions.name, conditions.title, conditions.kind, conditions.memory_bytes,
        0 if conditions.kind == "cpu" else _CONTEXT_BYTES, rates.bandwidth, {conditions.dtype: rates.flops},
        conditions.processors, SOURCE, calibration,
    )  # fmt: skip


def _clock(conditions: Conditions) -> str:
    if conditions.kind == "gpu":
        return "CUDA events"
    return "processor time of the thread" if conditions.threads == 1 else "wall clock"


def _error(found: Fit) -> dict[str, float]:
    """Sizes of the relative errors of layers that were held out."""
    return {"mean": round(found.error, 4), "median": round(found.median_error, 4)}


def _by_kind(fits: Mapping[str, Fit]) -> dict[str, dict[str, Any]]:
    """For each kind, how many layers were measured, and the median held-out error of each phase."""
    kinds: dict[str, dict[str, Any]] = {}
    for phase, found in fits.items():
        errors: dict[str, list[float]] = {}
        for label, error in zip(found.labels, found.errors):
            errors.setdefault(label, []).append(abs(error))
        for label in sorted(errors):
            kind = kinds.setdefault(label, {"layers": len(errors[label]), "error": {}})
            kind["error"][phase] = round(statistics.median(errors[label]), 4)
    return dict(sorted(kinds.items()))
