"""Rejects incompatible settings before anything is computed, the same way in every command."""

from __future__ import annotations

from archcalc.diagnostics import RequestError
from archcalc.running.declaration import (
    BACKWARD,
    CHANNELS_LAST,
    CHUNKED,
    COMPILED,
    FUSED,
    GENERATE,
    GRAPH,
    MATH,
    TRAIN,
    Running,
)
from archcalc.running.optimizers import OPTIMIZERS

# Fields that apply to a single mode.
OF = {
    "optimizer": TRAIN, "accumulate": TRAIN, "checkpoint": TRAIN, "freeze": TRAIN, "gradients": TRAIN, "update": TRAIN,
    "lora": TRAIN, "lora_on": TRAIN, "offload": TRAIN, "checkpoint_every": TRAIN, "recompute": TRAIN, "loss": TRAIN,
    "chunks": TRAIN,
    "cache": GENERATE, "length": GENERATE, "new_tokens": GENERATE,
}  # fmt: skip


def check(run: Running) -> None:
    """Raise `RequestError` with the first reason why a network cannot be run this way; `run` has its defaults."""
    reasons = (
        _precision(run), _attention(run), _generating(run), _threads(run), _trained(run), _beside(run), _executed(run)
    )  # fmt: skip
    for reason in reasons:
        if reason:
            raise RequestError(reason)


def check_said(said: Running) -> None:
    """Raise `RequestError` for a field that has no effect in the given mode."""
    for name in said.said:
        if said.mode and OF.get(name, said.mode) != said.mode:
            raise RequestError(
                f"--{name.replace('_', '-')} applies to --mode {OF[name]}: leave it out for --mode {said.mode}"
            )


def predictable(run: Running) -> None:
    """Raise `RequestError` for what can be measured but not predicted."""
    for what, given in ((run.execution, COMPILED), (run.memory_format, CHANNELS_LAST)):
        if what == given and not run.gpu:
            raise RequestError(
                f"on a CPU {given} can be measured with `archcalc profile` but not predicted: leave it out"
            )


def measurable(run: Running) -> None:
    """Raise `RequestError` for what can be predicted but not measured."""
    if run.mode == GENERATE:
        raise RequestError("generation can be predicted with `archcalc predict` but not measured: use --mode inference")
    if run.types.has_copy:
        raise RequestError(f"{run.precision} can be predicted but not measured: use autocast, or {run.types.computes}")
    if run.trains and not OPTIMIZERS[run.optimizer].torch:
        raise RequestError(f"{run.optimizer} can be predicted but not measured: PyTorch does not have it")
    for what, given in (
        ("quantised weights", run.weights), ("wide gradients", run.gradients), ("offloading", run.offload),
        ("selective recomputation", run.recompute), ("a CUDA graph", run.execution == GRAPH),
        ("a fused loss", run.loss == FUSED), ("a chunked loss", run.loss == CHUNKED),
    ):  # fmt: skip
        if given:
            raise RequestError(f"{what} can be predicted but not measured: leave it out")


def _precision(run: Running) -> str:
    types, chip = run.types, run.chip
    if types.autocast and run.mode == GENERATE:
        return f"{run.precision} is for training and inference: generate in {types.computes}"
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
        return "efficient attention is a GPU kernel: name a GPU with --device, or use flash or math"
    if run.attention == "flash" and run.gpu and run.types.computes not in ("bf16", "fp16"):
        return f"flash attention does not support {run.precision}: use efficient or {MATH}, or a 16-bit precision"
    return ""


def no_prompt(tokens: int, length: int) -> str:
    """The message for more new tokens than positions."""
    return f"{tokens} new tokens leave no room for a prompt in {length} positions: use --length {tokens + 1} or more"


def _generating(run: Running) -> str:
    if run.mode == GENERATE and run.length and run.new_tokens >= run.length:
        return no_prompt(run.new_tokens, run.length)
    return ""


def _threads(run: Running) -> str:
    return "threads apply to CPUs: leave them out on a GPU" if run.gpu and run.threads else ""


def _executed(run: Running) -> str:
    return "a CUDA graph needs a GPU: name one with --device" if run.execution == GRAPH and not run.gpu else ""


def _trained(run: Running) -> str:
    if run.mode != TRAIN:
        return ""
    if run.weights and not (run.lora or run.freeze):
        return f"{run.weights} weights cannot be trained: train adapters on them with --lora 16, or freeze some with --freeze"
    if run.stored is not None and run.stored.tables:
        return f"{run.weights} is for inference only: train on nf4 or int8 weights"
    if run.update == BACKWARD and run.batches > 1:
        return "a step in the backward pass leaves no gradients to accumulate: leave out --accumulate, or --update"
    return ""


def _beside(run: Running) -> str:
    """Options that modify another option that was not given."""
    for more, given, what, option in (
        ("lora_on", run.lora_on, run.lora, "--lora 16"),
        ("checkpoint_every", run.checkpoint_every, run.checkpoint, "--checkpoint BLOCK"),
        ("recompute", run.recompute, run.checkpoint, "--checkpoint BLOCK"),
        ("chunks", run.chunks, run.loss == CHUNKED, "--loss chunked"),
    ):
        if given and not what:
            return f"--{more.replace('_', '-')} needs {option}"
    return ""
