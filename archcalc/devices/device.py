"""A device file, read and checked."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from archcalc.advice import suggest
from archcalc.diagnostics import RequestError, cannot
from archcalc.output import write_file
from archcalc.project import read_file

_FOLDER = os.path.dirname(__file__)
_MOST_BYTES = 4 * 2**20
_KINDS = ("gpu", "cpu")
# tf32 is a way to compute with fp32.
DTYPES = ("tf32", "fp64", "fp32", "bf16", "fp16", "int8")
# Words of full names that tell no device from another.
_MAKERS = (
    "nvidia",
    "geforce",
    "tesla",
    "amd",
    "instinct",
    "apple",
    "jetson",
    "gpu",
    "tensor",
    "core",
    "generation",
    "blackwell",
    "workstation",
    "edition",
    "hbm3",
    "oam",
)
# Words for the form of a card, which may be left out; cards of one name and several forms differ in speed.
_FORM = re.compile(r"\b(?:sxm\d?|pcie|super)\b")
# What `archcalc calibrate` measures: this machine's own.
LOCAL = ("cpu", "cuda")


@dataclass(frozen=True)
class Device:
    """What a device is able to do.

    Attributes:
        name: what it is called on the command line, as `h100`.
        title: what its maker calls it.
        kind: "gpu" or "cpu".
        memory_bytes: what PyTorch reports of it, which is less than the number in its name.
        context_bytes: what a process takes before its first tensor (driver context, libraries); an estimate.
        bandwidth: bytes a second between memory and the chip, from the data sheet or measured.
        peaks: FLOP/s by type (`fp32`, `tf32`, `bf16`, `fp16`), dense, without sparsity.
        processors: streaming multiprocessors of a GPU, threads used of a CPU.
        source: where the numbers are from.
        capability: CUDA compute capability, as "8.9", which cards that are built alike share; empty where there is none.
        power: watts that the board takes at most; 0 where nobody says.
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
    power: float = 0
    capability: str = ""

    @property
    def has_measured_rates(self) -> bool:
        """Whether peaks and bandwidth are measured, which caches may pass, and not those of a data sheet."""
        return self.kind == "cpu" or "measured" in (self.calibration or {})

    def ridge(self, dtype: str) -> float:
        """FLOPs a byte above which the device computes longer than it moves data. Raises `KeyError`."""
        return self.peaks[dtype] / self.bandwidth


def names() -> list[str]:
    """The devices that come with the program, and those that were calibrated here."""
    found = set(os.listdir(_FOLDER))
    if os.path.isdir(local := os.path.dirname(local_path(""))):
        found |= set(os.listdir(local))
    return sorted(entry[:-5] for entry in found if entry.endswith(".json"))


def local_path(name: str) -> str:
    """Where the file of a device that was calibrated on this machine lies, whether or not there is one."""
    given = os.environ.get("APPDATA" if os.name == "nt" else "XDG_CONFIG_HOME")
    return os.path.join(given or os.path.expanduser("~/.config"), "archcalc", "devices", f"{name}.json")


def is_file(name: str) -> bool:
    """Whether it is the path of a device's file, which has a `/` or ends in `.json`."""
    return name.endswith(".json") or "/" in name or os.sep in name


def find(name: str) -> Device:
    """The device of this name, or in this file when the name has a `/` or ends in `.json`.

    `cpu` and `cuda` are this machine's own, as `archcalc calibrate` measured them.

    Raises:
        RequestError: there is none, or the file does not describe one.
    """
    if is_file(name):
        return _read(name)
    if name in LOCAL and not os.path.exists(local_path(name)):
        raise RequestError(
            f"{name} has not been measured on this machine: run `archcalc calibrate --device {name}` once"
        )
    if name not in (known := names()):
        several = re.match(r"(\d\d?)( ?[x×*] ?| +)", name.lower())
        one = _meant(name[several.end() :] if several else name, known)
        if one is not None and (not several or several[1] == "1"):
            return find(one)
        if several and one is not None:
            raise RequestError(
                f"{name!r} is {several[1]} devices, archcalc computes one: use `{one}` for what each of them takes where "
                "each holds the whole network (data parallel); sharded networks are not computed"
            )
        words = _words(name)  # of another form, or of another memory
        near = suggest(name.lower(), known) or _meant(" ".join(words), known) or _meant(" ".join(words[:-1]), known)
        bare = "".join(words)  # of several memories
        near = near or next((one for one in known if one.startswith((f"{bare}-", f"rtx{bare}-"))), None)
        hint = (
            f"did you mean `{near}`, {find(near).title}?"
            if near
            else f"expected one of {', '.join(known)}, or a file, e.g. ./mine.json"
        )
        raise RequestError(f"no device is named {name!r}: {hint}")
    here = os.path.join(_FOLDER, f"{name}.json")
    return _read(here if os.path.exists(here) else local_path(name))


def _meant(name: str, known: list[str]) -> str | None:
    return as_written(name, known) or as_written(f"rtx {name}", known)  # 4090: no other card has such a number


def as_written(name: str, known: Collection[str]) -> str | None:
    """The device that a name as people write it means: `A100`, "RTX 3090", `NVIDIA H100 SXM`; None where that is none.

    "A100 80GB" is the `a100-80gb` of these, or where the memory stands in no name, the one without it;
    no 80 GB card is meant by "A100 48GB".
    """
    words, bare = _words(name), _words(re.sub(r"\b\d+ ?gb\b", "", name.lower()))
    plain = {entry.replace("-", ""): entry for entry in known}
    without = [word for word in words if not re.fullmatch(r"\d+(gb)?", word)]
    for wanted in ("".join(words), "".join(bare), "".join(without), "".join(without[1:])):  # RTX A6000
        if wanted in plain:
            one = _of_memory(words, plain[wanted], known)
            return one if one is None or _has_form(name, one) else None
    return None


def _has_form(name: str, device: str) -> bool:
    """Whether a name states no other form of a card than the device's: an H100 PCIe is slower than an H100 SXM5."""
    stated, own = (_FORM.findall(text.lower()) for text in (name, find(device).title))
    return all(any(form.startswith(word) for form in own) for word in stated) or (not own and stated == ["pcie"])


def _of_memory(words: list[str], name: str, known: Collection[str]) -> str | None:
    """The device `name`, or that of its kind with the memory that the words state; None where it has another one."""
    stated = [found[1] for word in words if (found := re.fullmatch(r"(\d+)(?:gb)?", word)) and found[1] not in name]
    if not stated or set(stated) <= set(re.findall(r"\d+", find(name).title)):
        return name
    return next((one for one in (f"{name}-{size}gb" for size in stated) if one in known), None)


def _words(name: str) -> list[str]:
    words = re.split(r"[^a-z0-9]+", name.lower())
    return [word for word in words if word and word not in _MAKERS and not _FORM.fullmatch(word)]


def save(device: Device, path: str) -> None:
    """Write a device file, and the folder it lies in. Raises `RequestError`."""
    said = {name: value for name, value in asdict(device).items() if value is not None}
    fields = {
        "version": 1,
        **{name: value for name, value in said.items() if name not in ("power", "capability") or value},
    }
    # A list of numbers stands on one line.
    text = re.sub(
        r"\[[^\[\]{}]*\]", lambda found: f"[{' '.join(found[0][1:-1].split())}]", json.dumps(fields, indent=1)
    )
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    except OSError as error:
        raise cannot("write", path, error) from None
    write_file(path, text + "\n")


def _read(path: str) -> Device:
    try:
        fields = json.loads(read_file(path, _MOST_BYTES))
    except (ValueError, RecursionError):
        raise RequestError(f"{path} is not a device file: it is not JSON") from None
    if not isinstance(fields, dict) or fields.get("version") != 1:
        raise RequestError(f'{path} is not a device file: it has no "version": 1')
    try:
        device = Device(
            _text(fields, "name"), _text(fields, "title"), _text(fields, "kind"), int(_number(fields, "memory_bytes")),
            int(_number(fields, "context_bytes", 0)), _number(fields, "bandwidth"), _peaks(fields),
            int(_number(fields, "processors")), _text(fields, "source"), fields.get("calibration"),
            _number(fields, "power", 0) if "power" in fields else 0,
            _text(fields, "capability") if "capability" in fields else "",
        )  # fmt: skip
    except ValueError as error:
        raise RequestError(f"{path} is not a device file: {error}") from None
    if not re.fullmatch(r"(\d+\.\d+)?", device.capability):
        raise RequestError(
            f'{path} is not a device file: `capability` must be CUDA\'s, e.g. "8.9", not {device.capability!r}'
        )
    if device.kind not in _KINDS:
        raise RequestError(f"{path} is not a device file: `kind` must be gpu or cpu, not {device.kind!r}")
    if device.calibration is not None and not isinstance(device.calibration, dict):
        raise RequestError(f"{path} is not a device file: `calibration` is not an object")
    return device


def _text(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    if not isinstance(value, str):
        raise ValueError(f"`{key}` is not a string")
    return value


def _number(fields: dict[str, Any], key: str, least: float = 1) -> float:
    value = fields.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value < 1e30:
        raise ValueError(f"`{key}` must be a number of at least {least}")
    return value


def _peaks(fields: dict[str, Any]) -> dict[str, float]:
    peaks = fields.get("peaks")
    if not isinstance(peaks, dict) or not peaks:
        raise ValueError("`peaks` does not map types to FLOP/s")
    for dtype in peaks:
        if dtype not in DTYPES:
            raise ValueError(f"`peaks` has the type {dtype!r}, which is not one of {', '.join(DTYPES)}")
    return {dtype: _number(peaks, dtype) for dtype in peaks}
