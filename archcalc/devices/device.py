"""A device file, read and checked."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from archcalc.diagnostics import RequestError, suggest

_FOLDER = os.path.dirname(__file__)
_KINDS = ("gpu", "cpu")


@dataclass(frozen=True)
class Device:
    """What a device is able to do.

    Attributes:
        name: what it is called on the command line, as `h100`.
        title: what its maker calls it.
        kind: "gpu" or "cpu".
        memory_bytes: all memory that the driver shows.
        context_bytes: what a process takes before its first tensor (driver context, libraries); an estimate.
        bandwidth: bytes a second between memory and the chip, from the data sheet or measured.
        peaks: FLOP/s by type (`fp32`, `tf32`, `bf16`, `fp16`), dense, without sparsity.
        processors: streaming multiprocessors of a GPU, threads used of a CPU.
        source: where the numbers are from.
        calibration: what a measurement added, as `archcalc calibrate` wrote it; None for a data sheet alone.
    """

    name: str
    title: str
    kind: str
    memory_bytes: int
    context_bytes: int
    bandwidth: float
    peaks: dict[str, float]
    processors: int
    source: str
    calibration: dict[str, Any] | None = None

    def ridge(self, dtype: str) -> float:
        """FLOPs a byte above which the device computes longer than it moves data. Raises `KeyError`."""
        return self.peaks[dtype] / self.bandwidth


def names() -> list[str]:
    """The devices that come with the program."""
    return sorted(entry[:-5] for entry in os.listdir(_FOLDER) if entry.endswith(".json"))


def find(name: str) -> Device:
    """The device of this name, or in this file when the name has a `/` or ends in `.json`.

    Raises:
        RequestError: there is none, or the file does not describe one.
    """
    if name.endswith(".json") or "/" in name or os.sep in name:
        return _read(name)
    if name not in (known := names()):
        near = suggest(name, known)
        hint = f"did you mean `{near}`?" if near else f"there are {', '.join(known)}, or give a file, as ./mine.json"
        raise RequestError(f"no device is named {name!r}: {hint}")
    return _read(os.path.join(_FOLDER, f"{name}.json"))


def _read(path: str) -> Device:
    try:
        with open(path, encoding="utf-8") as file:
            fields = json.load(file)
    except OSError as error:
        raise RequestError(f"cannot read {path}: {error.strerror or error}") from None
    except (ValueError, RecursionError):
        raise RequestError(f"{path} is not a device file: it is not JSON") from None
    if not isinstance(fields, dict) or fields.get("version") != 1:
        raise RequestError(f'{path} is not a device file: it has no "version": 1')
    try:
        device = Device(
            _text(fields, "name"), _text(fields, "title"), _text(fields, "kind"), int(_number(fields, "memory_bytes")),
            int(_number(fields, "context_bytes", 0)), _number(fields, "bandwidth"), _peaks(fields),
            int(_number(fields, "processors")), _text(fields, "source"), fields.get("calibration"),
        )  # fmt: skip
    except ValueError as error:
        raise RequestError(f"{path} is not a device file: {error}") from None
    if device.kind not in _KINDS:
        raise RequestError(f"{path} is not a device file: `kind` is gpu or cpu, not {device.kind!r}")
    if device.calibration is not None and not isinstance(device.calibration, dict):
        raise RequestError(f"{path} is not a device file: `calibration` is not an object")
    return device


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str):
        raise ValueError(f"`{key}` is not a text")
    return value


def _number(fields: dict[str, Any], key: str, least: float = 1) -> float:
    value = fields.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value < 1e30:
        raise ValueError(f"`{key}` is not a number from {least}")
    return value


def _peaks(fields: dict[str, Any]) -> dict[str, float]:
    peaks = fields.get("peaks")
    if not isinstance(peaks, dict) or not peaks:
        raise ValueError("`peaks` does not map types to FLOP/s")
    return {dtype: _number(peaks, dtype) for dtype in peaks}
