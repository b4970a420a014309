"""What does not go together, told before anything is computed: every command refuses alike."""

from __future__ import annotations

from archcalc.diagnostics import RequestError
from archcalc.running.declaration import CHANNELS_LAST, COMPILED, GENERATE, MATH, TRAIN, Running


def check(run: Running) -> None:
    """Raise `RequestError` with the first reason why a network cannot be run so; `run` has its defaults."""
    for reason in (_precision(run), _attention(run), _generating(run), _threads(run)):
        if reason:
            raise RequestError(reason)


def predictable(run: Running) -> None:
    """Raise `RequestError` for what can be measured and not predicted."""
    for what, given in ((run.execution, COMPILED), (run.memory_format, CHANNELS_LAST)):
        if what == given and not run.gpu:
            raise RequestError(
                f"on a processor {given} is measured by `archcalc profile`, and not predicted: leave it out"
            )


def measurable(run: Running) -> None:
    """Raise `RequestError` for what can be predicted and is not measured."""
    if run.mode == GENERATE:
        raise RequestError("generating is predicted by `archcalc predict`, and not measured: use --mode inference")
    if run.types.has_copy:
        raise RequestError(f"{run.precision} is predicted, and not measured: use autocast, or {run.types.computes}")
    if run.checkpoint:
        raise RequestError("checkpoints are predicted, and not measured: leave them out")


def _precision(run: Running) -> str:
    types, chip = run.types, run.chip
    if types.autocast and run.mode == GENERATE:
        return f"{run.precision} is for training and inference: generate in {types.computes}"
    if types.has_copy and run.mode != TRAIN:
        return ""  # the copy is the optimizer's
    if chip is not None and types.computes not in chip.peaks:
        known = ", ".join(chip.peaks)
        if chip.kind == "cpu" and chip.calibration:
            return (
                f"{chip.name} was measured in {known}, not in {types.computes}: "
                f"run `archcalc calibrate --dtype {types.computes}`"
            )
        return f"{chip.title} has no {types.computes}: it computes in {known}"
    return ""


def _attention(run: Running) -> str:
    if run.attention == "efficient" and not run.gpu:
        return "efficient attention is a kernel of GPUs: name one with --device, or take flash or math"
    if run.attention == "flash" and run.gpu and run.types.computes not in ("bf16", "fp16"):
        return f"flash attention has no {run.precision}: take efficient or {MATH}, or a precision of 16 bits"
    return ""


def _generating(run: Running) -> str:
    if run.mode == GENERATE and run.length and run.new_tokens >= run.length:
        return f"{run.new_tokens} new tokens are no fewer than all {run.length} positions: there is no prompt"
    return ""


def _threads(run: Running) -> str:
    return "threads are those of a CPU: leave them out on a GPU" if run.gpu and run.threads else ""
