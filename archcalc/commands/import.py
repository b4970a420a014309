"""`archcalc import SOURCE -o net.yaml`."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from archcalc.commands import options
from archcalc.diagnostics import RequestError
from archcalc.hub import is_hub
from archcalc.opening import NAMED, told_of
from archcalc.output import write_file
from archcalc.records import NamedTuple
from archcalc.terminal import complain, write


class _Asked(NamedTuple):
    """The options of `archcalc import`."""

    sources: tuple[str, ...]
    output: str | None
    force: bool
    scales: tuple[str, ...]
    inputs: tuple[str, ...]
    arguments: tuple[str, ...]
    mode: str
    check: bool
    color: str


@click.command(name="import")
@click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, shell_complete=options.files)
@click.option("-o", "--output", metavar="FILE", help="File to write; default: standard output.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
@click.option(
    "--scale",
    "scales",
    multiple=True,
    metavar="LETTER",
    help="Scale of an Ultralytics model file. Repeatable: each becomes a variant.",
)
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="[NAME=]SIZE[:TYPE]",
    help="Input of a module, without the batch: 3x224x224, tokens=128:int; 35xbatch:int if the batch isn't first. Repeatable.",
)
@click.option(
    "--arg", "arguments", multiple=True, metavar="NAME=VALUE", help="Argument of the module's class or function."
)
@click.option("--mode", type=click.Choice(("inference", "train")), default="inference", help="Mode to run a module in.")
@click.option(
    "--check",
    is_flag=True,
    help="Compare the outputs of a module or an ONNX model with those of the spec, with the same weights.",
)
@options.color
@options.help
@options.guarded
@options.asked(_Asked)
def command(asked: _Asked) -> int:
    """Write the spec of a model from another file format or from Python.

    SOURCE is a Hugging Face config.json, an Ultralytics model file, a Keras model, an ONNX model, or `-`; or a PyTorch
    module, which is run: pkg.module:Net, path/model.py:Net, timm:resnet50, torchvision:swin_t,
    transformers:config.json; or hf:ORG/NAME[@REVISION], whose config.json is fetched. Every command that takes a spec
    also takes a SOURCE. Several files of one family become one spec with variants, named after their files or folders;
    the first is the default.
    """
    source = asked.sources[0]
    if asked.output is not None and os.path.exists(asked.output) and not asked.force:
        raise RequestError(f"{asked.output!r} exists: use --force to overwrite it")
    modules = [name for name in asked.sources if name in NAMED and not is_hub(name)]
    if modules and (len(asked.sources) > 1 or asked.scales):
        raise RequestError(f"{modules[0]!r} is a module: import it alone")
    if modules:
        return _module(
            source, asked.output, asked.inputs, asked.arguments, asked.mode == "train", asked.check, asked.color
        )
    if asked.inputs or asked.arguments or asked.mode == "train":
        raise RequestError(f"--input, --arg and --mode are for PyTorch modules; {source!r} is not one")
    told = told_of(source) if len(asked.sources) == 1 and not asked.scales else None
    if told is not None:
        return _compared(told, source, asked.output, asked.check, asked.color)
    if asked.check:
        raise RequestError(f"--check is for PyTorch modules and ONNX models; {source!r} is neither")
    from archcalc.commands.import_family import family

    _written(family(asked.sources, asked.scales), asked.output, [name for name in asked.sources if not is_hub(name)])
    from archcalc.commands.import_hub import compared

    return max([0, *(compared(name, asked.color) for name in asked.sources if is_hub(name))])


def _module(
    name: str,
    output: str | None,
    inputs: tuple[str, ...],
    arguments: tuple[str, ...],
    train: bool,
    check: bool,
    color: str,
) -> int:
    """Import a module and report the comparison with PyTorch's counts; exit status 1 if they differ."""
    from archcalc.pytorch.needs import require

    require(f"reading {name}")
    from archcalc.pytorch.capture.reading import read as read_name

    reading = read_name(name, inputs, _arguments(arguments), train)
    if check:
        from archcalc.pytorch.capture.outputs import compare

        compare(reading)
    _written(reading.text, output, _files_of(name))
    for line in reading.comparison.lines(name):
        complain(line, color)
    if reading.guessed:
        size = "×".join(map(str, reading.inputs[0].sizes))
        complain(f"  the input is a guess: {size} without the batch; use --input to set it", color)
    return 0 if reading.comparison.equal else 1


def _compared(told: Any, path: str, output: str | None, check: bool, color: str) -> int:
    """Import a graph and report the comparison with its nodes' sizes; exit status 1 if they differ."""
    if check:
        from archcalc.pytorch.needs import require

        require(f"checking {path}")
        from archcalc.pytorch.capture.beside import compare

        compare(told)
    _written(told.text, output, [path])
    for line in told.comparison.lines(path):
        complain(line, color)
    return 0 if told.comparison.equal else 1


def _files_of(name: str) -> list[str]:
    """The file of a module, if it has one."""
    file = name.rpartition(":")[0]
    found = file if file.endswith(".py") else getattr(sys.modules.get(file), "__file__", None)
    return [found] if found else []


def _arguments(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for entry in given:
        name, equals, value = entry.partition("=")
        if not equals or not name.strip():
            raise RequestError(f"--arg takes NAME=VALUE, e.g. --arg width=64, not {entry!r}")
        found[name.strip()] = value.strip()
    return found


def _written(text: str, output: str | None, inputs: list[str]) -> None:
    if output is None:
        write(text)
    else:
        write_file(output, text, inputs=inputs)
