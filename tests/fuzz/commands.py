"""Command lines drawn from what the commands declare: a new command or option is drawn as it stands."""

from __future__ import annotations

from importlib import import_module

import click

from archcalc.cli import COMMANDS
from archcalc.layers.base import REGISTRY
from tests.draw.choices import Choices
from tests.outcome import NUMBERS

# They run PyTorch, or measure this machine for a minute.
LEFT_OUT = ("verify", "profile", "calibrate")
NAMES = tuple(name for name in COMMANDS if name not in LEFT_OUT)
# How many specs a command takes, drawn from these; none for those that describe the language.
_SPECS = {"shapes": (1, 1, 2), "lint": (1, 1, 2), "memory": (1, 1, 2), "predict": (1, 1, 2), "diff": (2,), "build": (1,),
          "explain": (1,), "sweep": (1,), "fit": (1,)}  # fmt: skip
# Values of options that are neither a flag nor a choice, by the option's name; mostly good ones.
_VALUES = {
    "set": ("width=8", "depth=2", "seq=5", "h1=2", "h2=1..3", "width=1..9:4", "k=1", "classes=3"),
    "vary": ("width", "depth", "h1", "batch", "seq=1..9"),
    "max": ("params=1M", "macs=2G", "memory=1GiB", "time=1ms"),
    "device": ("h100", "a100", "t4", "h100,l4", "./device.json", "/dev/zero"),
    "symbolic": ("batch", "width", "seq", "h1,h2", "batch,seq", "height"),
    "show": ("params", "params,macs,memory", "output"),
    "plot": ("params,macs", "macs,params"),
    "like": ("torchinfo", "fvcore", "thop", "flopcounter"),
    "output": ("out.txt", "json=out.json", "spec.yaml", "out.svg", "missing/out.py", "sarif=out.sarif"),
    "select": ("ALL", "GEO", "PRM301,ACT", "SPC"),
    "ignore": ("ALL", "PRM", "ACT405"),
    "severity": ("PRM301=info",),
    "input": ("3x32x32", "10x16", "5", "3xHxW"),
    "grid": ("grid.jsonl", "spec.yaml"),
    "base": ("other.yaml", "HEAD", "."),
    "max_growth": ("params=5%", "macs=1%"),
    "checkpoint": ("layer", "block1", "n1"),
    "room": ("8GB", "24", "1kB"),
    "fit": ("batch", "seq"),
    "shard": ("1/3", "2/2"),
    "sort": ("params", "macs"),
    "batch": ("2", "8", "1"),
}
_LINES = (
    "conv 2 kernel=3",
    "lstm 4 layers=2",
    "attention heads=2",
    "linear 10",
    "maxpool 2",
    "moe: {experts: 2}",
    "x",
    "",
)


def arguments(choices: Choices, specs: list[str], name: str | None = None) -> list[str]:
    """A command with its options, about the given specs."""
    name = name or choices.pick("command", NAMES)
    command = import_module(f"archcalc.commands.{name}").command
    options = [one for one in command.params if isinstance(one, click.Option) and one.name != "help"]
    likely = choices.pick("how many options", (0.0, 0.05, 0.1, 0.25))
    words = [name]
    for option in options:
        if choices.chance(f"{option.name}", likely):
            words += _option(choices / option.name, option)
    if name in _SPECS:
        words += [
            choices.random(f"spec {index}").choice(specs)
            for index in range(choices.random("specs").choice(_SPECS[name]))
        ]
    if name == "explain":
        words = [name, *words[1:-1], *_explained(choices, words[-1])]
    elif name in ("layer", "rule"):
        words.append(choices.random("about").choice((*sorted(REGISTRY), "PRM301", "dense", "Conv2d", "", "\x1b[31m")))
    return words


def _explained(choices: Choices, spec: str) -> list[str]:
    line = choices.pick("line", (*_LINES, *sorted(REGISTRY)))
    if choices.chance("of a spec", 0.5):
        return [spec, choices.pick("layer", (line.partition(" ")[0] or "x", "n1", "conv1", "layer1"))]
    return [line, "--input", choices.pick("sizes", (*_VALUES["input"], *NUMBERS))]


def _option(choices: Choices, option: click.Option) -> list[str]:
    flag = max(option.opts, key=len)
    if option.is_flag:
        return [flag]
    if choices.chance("odd", 0.08):
        return [flag, choices.pick("value", (*NUMBERS, "", "a=b", "é\x1b[0m", "-"))]
    if isinstance(option.type, click.Choice):
        return [flag, choices.pick("value", option.type.choices)]
    values = _VALUES.get(option.name or "", ("1", "2", "3", "fp32", "bf16", "x"))
    return [flag, choices.pick("value", values)]
