"""Defaults: without a device, on a GPU and on a CPU.

`settled` fills them in; fields that are still empty do not matter. `auto` attention is resolved where the layers are
known: `archcalc.memory.attention`.
"""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.devices import Device, find, is_file
from archcalc.running.declaration import AUTO, TRAIN, Running
from archcalc.running.refusals import OF, check

# On a GPU, in order of preference; a device with neither uses the type it was measured in.
_GPU = {True: ("autocast-bf16", "autocast-fp16"), False: ("bf16", "fp16")}
_THREADS = 2
# Placeholders for defaults, not part of the one-line form.
_QUIET = {
    "accumulate": 1, "execution": "eager", "memory_format": "contiguous", "new_tokens": 1, "gradients": "same",
    "checkpoint_every": 1, "recompute": "all", "loss": "eager",
}  # fmt: skip


def settled(said: Running, mode: str, chip: Device | None = None, places: Sequence[Running] = ()) -> Running:
    """The run in a mode: the given fields, then those of each of `places`, then the defaults.

    Args:
        chip: the device, if already looked up.
        places: other sources of settings, e.g. the `run:` of a spec.

    Raises:
        RequestError: an unknown device, or contradictory settings.
    """
    whole = said.over(*places)
    if chip is None and whole.device:
        chip = find(whole.device)
    values = whole.said
    found = {"mode": mode, "batch": 1, "precision": _precision(mode, chip)}
    if mode == TRAIN:
        found["optimizer"] = "adamw"
    found["attention"] = AUTO
    if chip is None or chip.kind == "cpu":
        found["threads"] = _THREADS if chip is None else chip.processors
    if chip is not None and not is_file(whole.device):
        values["device"] = chip.name
    values = {name: value for name, value in values.items() if _QUIET.get(name) != value}
    values["mode"] = mode
    run = Running(**{**found, **{name: value for name, value in values.items() if _matters(name, mode)}})
    run.chip = chip
    run.assumed = tuple(name for name in found if name not in whole.said)
    check(run)
    return run


def _precision(mode: str, chip: Device | None) -> str:
    if chip is None:
        return "fp32"
    wanted = _GPU[mode == TRAIN] if chip.kind == "gpu" else ("fp32",)
    for precision in wanted:
        if precision.removeprefix("autocast-") in chip.peaks:
            return precision
    measured = (chip.calibration or {}).get("dtype")
    return str(measured) if measured in chip.peaks else next(iter(chip.peaks))


def _matters(name: str, mode: str) -> bool:
    return OF.get(name, mode) == mode
