"""What holds where nobody says anything: the defaults without a device, on a GPU and on a CPU.

`settled` fills them in; what is left unsaid after it is of no consequence. `auto` attention is left to those who know the
layers: `archcalc.memory.attention`.
"""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.devices import Device, find, is_file
from archcalc.running.declaration import AUTO, TRAIN, Running
from archcalc.running.refusals import OF, check

# On a GPU, in the order of preference; a device that has none of them computes in what it was measured with.
_GPU = {True: ("autocast-bf16", "autocast-fp16"), False: ("bf16", "fp16")}
_THREADS = 2
# What stands for a default and is no word of the one line.
_QUIET = {
    "accumulate": 1, "execution": "eager", "memory_format": "contiguous", "new_tokens": 1, "gradients": "same",
    "checkpoint_every": 1, "recompute": "all", "loss": "eager",
}  # fmt: skip


def settled(said: Running, mode: str, chip: Device | None = None, places: Sequence[Running] = ()) -> Running:
    """How a network is run in a mode: what was said, then what each of `places` says, then the defaults.

    Args:
        chip: the device, where it was looked up before.
        places: where else something is said, as the `run:` of a spec.

    Raises:
        RequestError: there is no such device, or what was said contradicts itself.
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
