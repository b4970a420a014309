"""The time of an operation: best guess, range, basis and bottleneck."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from archcalc.devices import Device
from archcalc.diagnostics import RequestError
from archcalc.layers.regularization import Dropout, DropPath
from archcalc.prediction.kernels import BENCHMARKS, DATASHEET, SHORTEST, Kernels
from archcalc.prediction.model import FEATURES, Model, roofline
from archcalc.prediction.work import Work

# The basis of a time: coefficients of its own kind, of similar kinds, or the share of peak rates that kernels reach.
CALIBRATED, NEIGHBOURS = "calibrated", "neighbours"
BASES = (CALIBRATED, NEIGHBOURS, BENCHMARKS, DATASHEET)
# What a kernel waits for.
COMPUTE, MEMORY, LAUNCH = "compute", "memory", "launch"
BOUNDS = (COMPUTE, MEMORY, LAUNCH)
# If only a processor's peak rates are known, it reaches between this share and all of them.
_LEAST_EFFICIENCY = 0.25
# Layers that do nothing at inference.
IDLE = (Dropout.op, DropPath.op)


@dataclass(slots=True)  # never changed; `frozen` would take several times as long to make one
class Estimate:
    """Seconds. Estimates add up: their errors count as those of one measurement, and do not cancel.

    Attributes:
        seconds: the best guess.
        low, high: the expected range.
        bases: the seconds with each of `BASES`.
        bounds: the seconds spent on each of `BOUNDS`.
    """

    seconds: float = 0.0
    low: float = 0.0
    high: float = 0.0
    bases: dict[str, float] = field(default_factory=dict)
    bounds: dict[str, float] = field(default_factory=dict)

    def __add__(self, other: Estimate) -> Estimate:
        if not other.bases and not other.high:
            return self
        if not self.bases and not self.high:
            return other
        bases, bounds = dict(self.bases), dict(self.bounds)
        for sums, parts in ((bases, other.bases), (bounds, other.bounds)):
            for name, value in parts.items():
                sums[name] = sums[name] + value if name in sums else value
        return Estimate(self.seconds + other.seconds, self.low + other.low, self.high + other.high, bases, bounds)

    def times(self, factor: float) -> Estimate:
        """The same work, repeated."""
        bases = {name: value * factor for name, value in self.bases.items()}
        bounds = {name: value * factor for name, value in self.bounds.items()}
        return Estimate(self.seconds * factor, self.low * factor, self.high * factor, bases, bounds)

    def apart(self, factor: float) -> Estimate:
        """Longer by a factor that is uncertain: it may be anything from 1 to its square."""
        longer = self.times(factor)
        return replace(longer, low=self.low, high=longer.high * factor)

    @property
    def basis(self) -> str:
        """The basis of most of the time."""
        return max(self.bases, key=lambda name: self.bases[name]) if self.seconds else ""

    @property
    def bound(self) -> str:
        """What the most time is spent waiting for."""
        return max(self.bounds, key=lambda name: self.bounds[name]) if self.seconds else ""

    def share(self, basis: str) -> float:
        """The fraction of the time with this basis."""
        return self.bases.get(basis, 0.0) / self.seconds if self.seconds else 0.0


def total(estimates: Iterable[Estimate]) -> Estimate:
    """Their sum."""
    seconds = low = high = 0.0
    bases: dict[str, float] = {}
    bounds: dict[str, float] = {}
    for one in estimates:
        seconds += one.seconds
        low += one.low
        high += one.high
        for sums, parts in ((bases, one.bases), (bounds, one.bounds)):
            for name, value in parts.items():
                sums[name] = sums[name] + value if name in sums else value
    return Estimate(seconds, low, high, bases, bounds)


def each_total(parts: Mapping[int, Sequence[Estimate]]) -> dict[int, Estimate]:
    """The sum under each key; most have one part."""
    return {key: total(estimates) if len(estimates) != 1 else estimates[0] for key, estimates in parts.items()}


# Nothing to do.
NOTHING = Estimate()


class Estimator:
    """Times on one device, in one type.

    Args:
        device: with its calibration, or without.
        dtype: one of the device's `peaks`; by default the calibrated type, or the fastest common one.
        memory_format: the format of images: `channels-last`, else contiguous.

    Raises:
        RequestError: the device does not support this type, or its calibration is invalid.
    """

    def __init__(self, device: Device, dtype: str | None = None, memory_format: str = "") -> None:
        calibration = device.calibration or {}
        self.device = device
        self.model = Model(device) if device.calibration is not None else None
        measured = str(calibration.get("dtype", ""))
        self.dtype = dtype or _usual(device, measured)
        if self.dtype not in device.peaks:
            raise RequestError(_lacks(device, self.dtype, bool(calibration)))
        # tf32 computes with numbers that are stored as fp32.
        self.stored = "fp32" if self.dtype == "tf32" else self.dtype
        self.kernels = Kernels(device, self.dtype, memory_format) if device.kind == "gpu" else None
        self._known: dict[tuple[str | int, ...], Estimate] = {}
        self.slower = device.peaks.get(measured, device.peaks[self.dtype]) / device.peaks[self.dtype]
        self.is_measured = self.model is not None and (
            measured == self.dtype or {measured, self.dtype} == {"fp16", "bf16"}
        )

    def estimate(self, work: Work, phase: str = "forward", training: bool = False) -> Estimate:
        """All runs of an operation in a phase of the model."""
        known = self.model.knows(work.kind, phase) if self.model else ""
        idle = work.kind in IDLE and not training
        moved = work.in_bytes + work.weight_bytes + work.out_bytes
        if known != work.kind and (idle or not (moved or work.flops)):
            return Estimate()
        of_kernels = training and phase == "forward" and self.kernels is not None  # measured only for inference
        if not known or self.model is None or of_kernels:
            return self.by_datasheet(work)
        parts = self.model.parts(work, phase)
        parts = [part * self.slower if "flops" in name else part for name, part in zip(FEATURES, parts)]
        seconds = self.model.combined(parts)
        if not self.device.has_measured_rates:  # no kernel exceeds the rates of a data sheet
            seconds = max(seconds, roofline(work, self.device, self.dtype))
        bounds = {self._bound(work, parts): seconds}
        if known == work.kind and self.is_measured:
            error = self.model.errors.get(phase, 0.0)
            return Estimate(
                seconds, seconds * (1 - min(error, 1)), seconds * (1 + error), {CALIBRATED: seconds}, bounds
            )
        least, most = self._range(work)
        return Estimate(seconds, min(seconds, least), max(seconds, most), {NEIGHBOURS: seconds}, bounds)

    def _bound(self, work: Work, parts: list[float]) -> str:
        """What an operation's time is mostly spent on, from the time of each feature by itself."""
        assert self.model is not None
        waits = {COMPUTE: self.model.combined(parts[1:3]), MEMORY: self.model.combined(parts[3:]), LAUNCH: parts[0]}
        most = max(waits, key=lambda name: waits[name])
        if self.device.kind == "gpu" and most != LAUNCH:
            # FLOPs and bytes of matrix products grow together: the fit gives their sum, the peak rates separate them.
            return self._limit(work)
        return most

    def _limit(self, work: Work) -> str:
        """What takes longer at the peak rates: computing or moving data."""
        return COMPUTE if work.flops / self.device.peaks[self.dtype] > self._moving(work) else MEMORY

    def _moving(self, work: Work) -> float:
        """Seconds that one run needs to read and write all its data at the peak rate."""
        return (work.in_bytes + work.weight_bytes + work.out_bytes) / self.device.bandwidth

    def unmeasured(self, work: Work) -> Estimate:
        """Forward-pass work in other circumstances: its coefficients count only as neighbours."""
        if self.kernels is not None:
            return self._by_kernels(self.kernels, work, True)
        found = self.estimate(work, "forward", True)
        if found.basis != CALIBRATED:
            return found
        least, most = self._range(work)
        bases = {NEIGHBOURS: found.seconds}
        return replace(found, low=min(found.seconds, least), high=max(found.seconds, most), bases=bases)

    def _range(self, work: Work) -> tuple[float, float]:
        """Seconds at the peak rates, and at the smallest share of them that is expected."""
        least = max(roofline(work, self.device, self.dtype), work.runs * SHORTEST)
        return least, least / _LEAST_EFFICIENCY

    def by_datasheet(self, work: Work, backward: bool = False) -> Estimate:
        """By the share of the peak rates that GPU kernels reach; on other processors, a guess between the extremes."""
        if self.kernels is not None:
            return self._by_kernels(self.kernels, work, backward)
        least, most = self._range(work)
        seconds = (least * most) ** 0.5
        bound = LAUNCH if least <= work.runs * SHORTEST else self._limit(work)
        return Estimate(seconds, least, most, {DATASHEET: seconds}, {bound: seconds})

    def _by_kernels(self, kernels: Kernels, work: Work, backward: bool) -> Estimate:
        # Layers of a network are often alike.
        key = (
            work.kind, work.m, work.n, work.k, work.flops, work.in_bytes, work.weight_bytes, work.out_bytes, work.runs,
            backward,
        )  # fmt: skip
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._timed(kernels, work, backward)
        return found

    def _timed(self, kernels: Kernels, work: Work, backward: bool) -> Estimate:
        seconds, computing, moving, spread = kernels.time(work, backward)
        launch = work.runs * SHORTEST
        most = max(computing, moving, launch)
        bound = LAUNCH if most == launch else COMPUTE if most == computing else MEMORY
        return Estimate(seconds, seconds / spread, seconds * spread, {kernels.basis: seconds}, {bound: seconds})


def _usual(device: Device, measured: str) -> str:
    wanted = (measured, "bf16", "fp16", "fp32") if device.kind == "gpu" else (measured, "fp32")
    return next((dtype for dtype in wanted if dtype in device.peaks), next(iter(device.peaks)))


def _lacks(device: Device, dtype: str, calibrated: bool) -> str:
    known = ", ".join(device.peaks)
    if device.kind == "cpu" and calibrated:
        return f"{device.name} was measured in {known}, not in {dtype}: run `archcalc calibrate --dtype {dtype}`"
    return f"{device.title} has no {dtype}: it computes in {known}"
