"""Help for an unknown option: similar options, or other commands that have it."""

from __future__ import annotations

from collections.abc import Mapping

import click

from archcalc.advice import nearest
from archcalc.quoting import visible

# What other programs call an option, and what it is here where a command has the first word of it.
_ELSEWHERE = {
    **dict.fromkeys(("gpu", "gpus", "card", "hardware", "accelerator"), "--device"),
    **dict.fromkeys(("dtype", "torch-dtype", "amp", "fp16", "half"), "--precision"),
    **dict.fromkeys(("vram", "budget", "memory", "memory-limit", "gpu-memory", "max-memory", "limit"), "--limit"),
    **dict.fromkeys(("quantize", "quant", "quantization", "bits", "load-in-4bit", "load-in-8bit"), "--weights"),
    **dict.fromkeys(("gradient-checkpointing", "activation-checkpointing", "remat"), "--checkpoint"),
    **dict.fromkeys(("context", "context-length", "ctx", "max-length", "max-model-len"), "--length"),
    **dict.fromkeys(("gradient-accumulation", "gradient-accumulation-steps", "grad-accum"), "--accumulate"),
    **dict.fromkeys(
        ("seq", "seq-len", "seq-length", "sequence-length", "width", "hidden", "layers"), "--set NAME=VALUE"
    ),
    **dict.fromkeys(("lora-rank", "lora-r", "rank"), "--lora"),
    **dict.fromkeys(("kv-cache-dtype", "cache-dtype"), "--cache"),
}


def about(error: click.NoSuchOption, commands: Mapping[str, click.Command]) -> str:
    """The message for an unknown option: other commands that have it, or similar options; deprecated ones are not shown."""
    name = error.option_name
    said = f"no such option {visible(repr(name))}"
    here = _options(error.ctx.command) if error.ctx is not None else []
    word = name.lstrip("-")
    for meant in (_ELSEWHERE.get(word), "--max memory=BYTES" if _ELSEWHERE.get(word) == "--limit" else None):
        if meant and meant.split()[0] in here:
            return f"{said}: use {meant}"
    others = [one for one, command in commands.items() if name in _options(command)]
    if others:
        *several, last = others
        return f"{said}: {', '.join(several)} and {last} have it" if several else f"{said}: `{last}` has it"
    instead = next((told for command in commands.values() if (told := _deprecated(command, name, here))), None)
    if instead:
        return f"{said}: {instead}"
    if error.ctx is not None and (chosen := _choosing(error.ctx.command, word)):
        return f"{said}: use {chosen} {word}"
    near = nearest(word, [option.lstrip("-") for option in here])
    near = near or [option.lstrip("-") for option in here if word.startswith(option.lstrip("-"))]
    return f"{said}: did you mean {' or '.join(f'`--{option}`' for option in near[:3])}?" if near else said


def _deprecated(command: click.Command, name: str, here: list[str]) -> str | None:
    """The replacement that a deprecated option of another command names, if this command has it."""
    for option in command.params:
        if isinstance(option, click.Option) and option.hidden and name in option.opts:
            instead = (option.help or "").partition(": ")[2].rstrip(".")
            return instead if all(word in here for word in instead.split() if word.startswith("--")) else None
    return None


def _choosing(command: click.Command, word: str) -> str | None:
    """The option of which `word` is a value: `--mode` for `train`."""
    found = (one for one in command.params if isinstance(one, click.Option) and not one.hidden)
    return next((one.opts[0] for one in found if word in getattr(one.type, "choices", ())), None)


def _options(command: click.Command) -> list[str]:
    """The long names of the options in the help."""
    return [
        name
        for option in command.params
        if isinstance(option, click.Option) and not option.hidden
        for name in (*option.opts, *option.secondary_opts)
        if name.startswith("--")
    ]
