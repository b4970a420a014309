"""Command lines drawn from what the commands declare: a new command or option is drawn as it stands."""

from __future__ import annotations

import json
from importlib import import_module

import click

from archcalc.cli import COMMANDS
from archcalc.layers.base import REGISTRY
from archcalc.running import FIELDS
from archcalc.running.kinds import Words
from tests.draw.choices import Choices
from tests.outcome import NUMBERS

# Those that need PyTorch.
TORCH = ("verify", "profile", "calibrate")
# How often each command is drawn: those that read no file of the case have little to meet, those that run PyTorch and
# the one that reads all shipped specs take long.
_RARE = {
    "specs": 0.02,
    "devices": 0.1,
    "layers": 0.1,
    "schema": 0.1,
    "layer": 0.2,
    "rule": 0.2,
    "verify": 0.1,
    "profile": 0.02,
    "calibrate": 0.01,
    "lint": 2.0,
}
_WEIGHTS = {name: _RARE.get(name, 1.0) for name in COMMANDS}
# How many specs a command takes, drawn from these; one where it says nothing else, none for those that describe the language.
_SPECS = {"watch": (1,), "import": (1, 1, 1, 2), "weights": (1,), "shapes": (1, 1, 1, 2), "lint": (1, 1, 1, 2), "memory": (1, 1, 1, 2), "predict": (1, 1, 1, 2), "diff": (2,), "build": (1,),
          "explain": (1,), "serve": (1,), "sweep": (1,), "fit": (1,), "verify": (1,), "profile": (1,), "calibrate": (1,)}  # fmt: skip
# What keeps a command short: the time is too short for a device file, which is said once it is over.
_BOUNDED = {
    "profile": ("--time", "0.01", "--repeat", "1", "--warmup", "0"),
    "calibrate": ("--time", "0.01"),
}
# Values of options that are neither a flag nor a choice, by the option's name; mostly good ones.
_VALUES = {
    "set": ("width=8", "depth=2", "seq=5", "h1=2", "h2=1..3", "width=1..9:4", "k=1", "classes=3"),
    "vary": ("width", "depth", "h1", "batch", "seq=1..9"),
    "max": ("params=1M", "macs=2G", "memory=1GiB", "time=1ms"),
    "device": (*("h100", "a100", "t4", "mi300x", "rtx4090") * 3, "./device.json", "./device.json", "/dev/zero"),
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
    "base": ("spec.yaml", "HEAD", "HEAD", "HEAD", "HEAD~1", ".", "up"),
    "max_growth": ("params=5%", "macs=1%"),
    "checkpoint": ("layer", "block1", "n1"),
    "room": ("8GB", "24", "1kB"),
    "fit": ("batch", "seq"),
    "shard": ("1/3", "2/2"),
    "sort": ("params", "macs"),
    "batch": ("2", "8", "1"),
    "requests": ("20x1000+200", "1+1", "999999x999999999+9", "0x1+1"),
    "inputs": ("3x8x8", "4x8", "x=4", "4:int", "3x8x8:text"),
    "arguments": ("width=2", "size=-1", "size=9", "x"),
    "scales": ("n", "x", "z"),
    "against": ("spec.yaml", "config.json", "net.py:Net", "hf:org/x", "saved.json"),
    "time": ("1ms", "0.01", "2s"),
    "interval": ("0.1", "2"),
    "share": ("0.5", "0.9"),
    "offload": ("optimizer", "gradients", "activations"),
    "lora_on": ("conv*", "attention", "n1", "*"),
    "columns": ("id,output,params", "macs", "%"),
    "compare": ("a100", "h100,t4", "./device.json"),
    "limit": ("10%", "x"),
    "freeze": ("conv*", "block1", "*", "[", "linear1"),
}
# What a command does nothing without: drawn mostly.
_NEEDED = {("predict", "device"), ("fit", "device"), ("serve", "device"), ("fit", "max"), ("memory", "device")}
_WHOLE = ("1", "2", "3", "8", "64")
# Options that decide which report there is: drawn as often as a form.
_FORMS = ("format", "steps", "report", "definitions", "symbolic", "like", "check", "generate", "front")
# What an option does nothing without: mostly given beside it.
_WITH = {"chunks": ("--loss", "chunked"), "lora_on": ("--lora", "4"), "front": ("--plot", "params,macs"), "checkpoint_every": ("--checkpoint", "*")}  # fmt: skip
# Stands for a layer that the spec of the case has.
LAYER = "LAYER"
_LINES = (
    "conv 2 kernel=3",
    "lstm 4 layers=2",
    "attention heads=2",
    "linear 10",
    "maxpool 2",
    "gru 3 reset=before",
    "batchnorm",
    "layernorm",
    "softmax",
    "gelu",
    "upsample 2 mode=bilinear",
    "rearrange 'c h w -> h w c'",
    "mean axis=-1",
    "embedding 40 dim=4",
    "scan: {}",
    "residual: [linear 16, relu]",
    "concat: [[relu], [tanh]]",
    "moe: {experts: 2}",
    "x",
    "",
)


def name(choices: Choices) -> str:
    """A command."""
    (drawn,) = choices.random("command").choices([*_WEIGHTS], [*_WEIGHTS.values()])
    return drawn


def arguments(choices: Choices, name: str, specs: list[str]) -> list[str]:
    """A command with its options, about the given specs."""
    command = import_module(f"archcalc.commands.{name}").command
    options = [one for one in command.params if isinstance(one, click.Option) and one.name != "help"]
    likely = choices.pick("how many options", (0.0, 0.02, 0.05, 0.2))
    words = [name]
    for option in options:
        if choices.chance(f"{option.name}", _chance(name, option, likely)):
            words += _option(choices / option.name, option)
            beside = _WITH.get(option.name or "", ())
            if beside and beside[0] not in words and choices.chance(f"beside {option.name}", 0.9):
                words += beside
    words += _BOUNDED.get(name, ())
    takes = any(one.name in ("spec", "specs") for one in command.params if isinstance(one, click.Argument))
    if name in _SPECS or takes:
        count = choices.random("specs").choice(_SPECS.get(name, (1,)))
        words += [_spec(choices / index, name, specs, index) for index in range(count)]
    if name == "explain":
        words = [*words[:-1], *_explained(choices, words[-1])]
    elif name in ("layer", "rule"):
        words.append(choices.random("about").choice((*sorted(REGISTRY), "PRM301", "dense", "Conv2d", "", "\x1b[31m")))
    return words


def _chance(command: str, option: click.Option, likely: float) -> float:
    if option.required:
        return 0.97
    if (command, option.name) in _NEEDED:
        return 0.85
    return 0.3 if option.name == "format" else max(0.1, likely) if option.name in _FORMS else likely


def tables(choices: Choices) -> str:
    """What settings give a few commands, as TOML; options that stand on the command line alone among them."""
    draw = choices.random()
    lines = []
    for name in draw.sample(["", *COMMANDS], draw.randint(1, 3)):
        command = import_module(f"archcalc.commands.{name or draw.choice(list(COMMANDS))}").command
        options = [one for one in command.params if isinstance(one, click.Option)]
        lines += [f"[{name}]"] if name else []
        for option in draw.sample(options, min(len(options), draw.randint(1, 3))):
            _, *given = _option(choices / name / option.name, option)
            value: object = given[0] if given else draw.random() < 0.7
            if draw.random() < 0.2:
                value = draw.choice((True, 1, -1.5, "", [], [value], [[1]], 10**30, "9" * 30))
            separator = draw.choice("-_")
            lines.append(f"{max(option.opts, key=len).strip('-').replace('-', separator)} = {json.dumps(value)}")
    return "\n".join(lines) + "\n"


def _spec(choices: Choices, command: str, specs: list[str], index: int) -> str:
    """A spec as a command may be given it; of two of `diff` the first is the base."""
    name = specs[index % len(specs)]
    if command == "diff" and index == 0 and choices.chance("of git", 0.3):
        return choices.random("revision").choice((f"HEAD:{name}", f"HEAD:{name}", "HEAD:.", "HEAD:", f"HEAD^:{name}", f"HEAD:../{name}",
                                                  f"HEAD:{name}@large", "HEAD:none.yaml"))  # fmt: skip
    if command == "diff" and choices.chance("saved", 0.1):
        return "saved.json"
    if choices.chance("odd", 0.9):
        return name
    odd = ("loop.yaml", "up", "none.yaml", "archcalc.toml", "", "@", "/dev/null")
    return choices.random("form").choice(
        (f"{name}@large", f"{name}@other", "-", "-", ".", ".", choices.random("name").choice(odd))
    )


def _explained(choices: Choices, spec: str) -> list[str]:
    line = choices.random("line").choice((*_LINES, *sorted(REGISTRY)))
    if choices.chance("of a spec", 0.5):
        return [spec, LAYER if choices.chance("that has it", 0.7) else line.partition(" ")[0] or "x"]
    sizes = (*_VALUES["input"], *NUMBERS) if choices.chance("odd sizes", 0.2) else _VALUES["input"]
    return [line, "--input", choices.random("sizes").choice(sizes)]


def _option(choices: Choices, option: click.Option) -> list[str]:
    flag = max(option.opts, key=len)
    if option.is_flag:
        return [flag]
    if choices.chance("odd", 0.05):
        return [flag, choices.random("value").choice((*NUMBERS, "", "a=b", "é\x1b[0m", "-"))]
    if isinstance(option.type, click.Choice):
        return [flag, choices.random("value").choice(option.type.choices)]
    return [flag, choices.random("value").choice(_values(option))]


def _values(option: click.Option) -> tuple[str, ...]:
    """Values that are good for an option, mostly: by what a run declares or by its name."""
    name = option.name or ""
    kind = FIELDS[name].kind if name in FIELDS else None
    return kind.words if isinstance(kind, Words) else _VALUES.get(name, _WHOLE)
