"""How long an operation takes on a device: by its calibration, or at least at the rates of its data sheet.

    seconds = (Σ (coefficient · feature)^overlap)^(1/overlap), over FEATURES

with coefficients for each kind of operation and phase: seconds per unit of a feature, never negative. `overlap` belongs
to the device: 1 if one thing is done after the other, as on a CPU; higher on a GPU, which computes while moving data.
The coefficients are measured by `archcalc calibrate`, or fitted to measurements that others published.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from archcalc.devices import Device
from archcalc.diagnostics import RequestError
from archcalc.layers.gru import GRU
from archcalc.layers.lstm import LSTM
from archcalc.layers.recurrent import RNN
from archcalc.prediction.operations import Operation
from archcalc.prediction.work import Work

# Inference with weights from memory or from the cache, and the two passes of training, whose forward
# pass also saves what the backward pass needs.
PHASES = ("forward", "cached forward", "training forward", "backward")
# What the coefficients of a kind stand for, in order; all but the first are for the work of one run.
FEATURES = ("runs", "flops", "tiled flops", "input bytes", "weight bytes", "output bytes")
# A matrix product is computed in tiles of this many rows and columns: thread blocks, vector registers.
_TILES = {"gpu": (128, 128), "cpu": (16, 16)}
PRODUCTS, ELEMENTWISE = "matrix products", "element-wise"
# Caches are shared with other programs, and are not filled to the last byte.
_CACHED_SHARE = 0.25
# Kinds that run step by step over the same weights. Up to the first share of the processor's own cache all weights stay
# there; from the second share on none do, as every step evicts what the next is about to read.
_STEPPED = (GRU.op, LSTM.op, RNN.op)
_STAYING, _GONE = 0.75, 1.15
# Kinds of matrix products, which are each other's neighbours; those of all other kinds are the element-wise ones.
_PRODUCTS = frozenset(
    [
        "attention", "convolution", "depthwise convolution", "first convolution", "grouped convolution", "gru", "gru projection", "linear",
        "lstm", "lstm projection", "matmul", "matrix-vector", "pointwise convolution", "rnn", "rnn projection", "transposed convolution",
    ]
)  # fmt: skip


def pool_of(kind: str) -> str:
    """The kinds whose coefficients stand in for a kind that has none: `PRODUCTS` or `ELEMENTWISE`."""
    return PRODUCTS if kind in _PRODUCTS else ELEMENTWISE


def features(
    work: Work, device: str, processors: int = 1, phase: str = "forward", near_bytes: float = 0
) -> tuple[float, ...]:
    """The `FEATURES` of all runs of an operation.

    Args:
        work: what runs.
        device: "gpu" or "cpu".
        processors: a GPU's multiprocessors, which take tiles in waves: a half-full wave takes as long as a full one.
        phase: one of `PHASES`; the backward pass is described by what the forward pass did.
        near_bytes: size of the processor's own cache, where weights of recurrent steps may stay; 0 if unknown.
    """
    weights: float = work.gradient_bytes if phase == "backward" else work.weight_bytes
    if work.kind in _STEPPED and near_bytes:
        weights *= min(1.0, max(0.0, (work.weight_bytes / near_bytes - _STAYING) / (_GONE - _STAYING)))
    one = (1, work.flops, _tiled_flops(work, device, processors), work.in_bytes, weights, work.out_bytes)
    return tuple(float(feature * work.runs) for feature in one)


def _tiled_flops(work: Work, device: str, processors: int) -> int:
    """FLOPs of a matrix product with its sides rounded up to tiles and, on a GPU, its tiles to waves."""
    if not work.m:
        return 0
    rows, columns = _TILES[device]
    tiles = -(-work.m // rows) * -(-work.n // columns)
    if device == "gpu":
        tiles = -(-tiles // processors) * processors
    return 2 * tiles * rows * columns * work.k


class Model:
    """The coefficients of a device file.

    Attributes:
        device: the device's name.
        errors: for each phase, the mean absolute relative error on layers held out of the fit.

    Raises:
        RequestError: the device has no calibration, or one that cannot be read.
    """

    def __init__(self, device: Device) -> None:
        self.device = device
        calibration = device.calibration
        if calibration is None:
            raise RequestError(f"{device.name} is not calibrated: it has only data-sheet numbers")
        try:
            self._coefficients = _checked(calibration["coefficients"])
            self._pools = _checked(calibration["pools"])
            self._cache_bytes = float(calibration.get("cache_bytes", 0))
            self._near_bytes = float(calibration.get("near_cache_bytes", 0))
            self._steps = {
                name: (float(each), float(byte)) for name, (each, byte) in calibration.get("steps", {}).items()
            }
            self._overlap = float(calibration.get("overlap", 1))
            self.errors = {phase: float(one["mean"]) for phase, one in calibration.get("error", {}).items()}
            if not self._overlap >= 1:
                raise ValueError("`overlap` is below 1")
            if not {"forward"} <= set(self._coefficients) <= set(self._pools):
                raise ValueError("there is no phase `forward`, or a phase has no pools")
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            said = f"it has no {error}" if isinstance(error, KeyError) else str(error)
            what = said if isinstance(error, (KeyError, ValueError)) else "a part of it is of another kind"
            raise RequestError(
                f"the calibration of {device.name} is invalid: {what}; `archcalc calibrate` writes a new one"
            ) from None

    def seconds(self, operation: Work, phase: str = "forward") -> float:
        """How long all runs of an operation take in a phase. Raises `KeyError` if there are no coefficients."""
        return self.combined(self.parts(operation, phase))

    def combined(self, parts: Sequence[float]) -> float:
        """The seconds of work that partly overlaps."""
        return float(sum(part**self._overlap for part in parts) ** (1 / self._overlap))

    @property
    def phases(self) -> list[str]:
        """Those of `PHASES` that have coefficients."""
        return [phase for phase in PHASES if phase in self._coefficients]

    def knows_step(self, optimizer: str) -> bool:
        """Whether the steps of an optimizer were measured."""
        return optimizer in self._steps

    def knows(self, kind: str, phase: str) -> str:
        """`kind` itself if it was measured in a phase, else the pool it falls back on, or nothing."""
        if kind in self._coefficients.get(phase, ()):
            return kind
        pool = pool_of(kind)
        return pool if pool in self._pools.get(phase, ()) else ""

    def step_seconds(self, optimizer: str, tensors: int, bytes: int) -> float:
        """Seconds of a step over this many parameter tensors and bytes. Raises `KeyError` if that was not measured."""
        each, byte = self._steps[optimizer]
        return each * tensors + byte * bytes

    def inference_phase(self, found: Sequence[Operation]) -> str:
        """The phase of a network's inference: weights stay cached if all that it touches takes little of the cache."""
        touched = sum((one.weight_bytes + one.out_bytes) * one.runs for one in found if one.kind not in _STEPPED)
        return (
            "cached forward"
            if touched <= _CACHED_SHARE * self._cache_bytes and "cached forward" in self._pools
            else "forward"
        )

    def parts(self, operation: Work, phase: str = "forward") -> list[float]:
        """The seconds that each of `FEATURES` would take alone."""
        found = self._coefficients[phase].get(operation.kind) or self._pools[phase][pool_of(operation.kind)]
        given = features(operation, self.device.kind, self.device.processors, phase, self._near_bytes)
        return [coefficient * feature for coefficient, feature in zip(found, given)]


def roofline(operation: Work, device: Device, dtype: str) -> float:
    """Seconds at the peak rates: the longer of computing and moving. Raises `KeyError` for an unsupported dtype."""
    moved = operation.in_bytes + operation.weight_bytes + operation.out_bytes
    return operation.runs * max(operation.flops / device.peaks[dtype], moved / device.bandwidth)


def _checked(phases: Mapping[str, Mapping[str, Sequence[Any]]]) -> dict[str, dict[str, list[float]]]:
    read: dict[str, dict[str, list[float]]] = {}
    for phase, kinds in phases.items():
        read[phase] = {kind: [float(value) for value in values] for kind, values in kinds.items()}
        for kind, values in read[phase].items():
            if len(values) != len(FEATURES) or not all(0 <= value < 1e30 for value in values):
                raise ValueError(f"`{kind}` does not have {len(FEATURES)} numbers from 0")
    return read
