"""`archcalc predict SPEC --device h100`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import chain

import click

from archcalc.commands import options
from archcalc.devices import LOCAL, find
from archcalc.diagnostics import RequestError, SpecError
from archcalc.network.load import load_graph
from archcalc.prediction.answer import Answer, answer
from archcalc.prediction.predict import MODES, OPTIMIZERS
from archcalc.quoting import visible
from archcalc.terminal import complain, show, wants_color, write


@click.command(name="predict")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", shell_complete=options.files)
@options.look("--device", cls=options.Several, shell_complete=options.devices, may_be_file=options.is_device_file, multiple=True, required=True, metavar="NAME|FILE",
              help="h100, a100, a40, ...; cpu or cuda as `archcalc calibrate` measured them; or a device file. May be given several times.")  # fmt: skip
@options.settings
@options.freeze
@options.batch
@options.look("--dtype", type=click.Choice(("fp64", "fp32", "tf32", "bf16", "fp16")),
              help="Type of weights and input; default: what the device is calibrated for, else its fastest.")  # fmt: skip
@options.look("--mode", type=click.Choice(MODES), default="forward", show_default=True,
              help="A forward pass, or a whole training step.")  # fmt: skip
@options.look("--optimizer", type=click.Choice(OPTIMIZERS), default="adamw", show_default=True,
              help="Optimizer of the training step.")  # fmt: skip
@options.look("--generate", type=options.Whole(1, 2**31), metavar="TOKENS",
              help="Generate so many tokens after a prompt, which is as long as the spec's sequence.")  # fmt: skip
@options.look("--depth", type=options.Whole(1), default=1, show_default=True, help="Levels of blocks that are opened.")
@options.look("-n", "--number", type=options.Whole(1), help="Only so many layers, the slowest; the rest in one row.")
@options.look("--format", "format", type=click.Choice(("text", "json", "csv", "markdown")), default="text", show_default=True,
              help="Form of the output.")  # fmt: skip
@options.color
@options.help
@options.guarded
def command(
    specs: tuple[str, ...],
    device: tuple[str, ...],
    set: tuple[str, ...],
    freeze: tuple[str, ...],
    batch: int,
    dtype: str | None,
    mode: str,
    optimizer: str,
    generate: int | None,
    depth: int,
    number: int | None,
    format: str,
    color: str,
) -> int:
    """Predict how long a network takes on a device, without running it.

    Every time comes with the range in which it is expected, and with what it is known from: measurements of
    such layers, of layers that work alike, or a data sheet. Several specs or devices give one row each.
    """
    known = {name: find(name) for name in device}
    values = options.parse_settings(set)
    several = len(specs) > 1 or len(known) > 1
    status = 0
    for name, found in known.items():
        for warning in _versions(found.calibration) if name in LOCAL else ():
            complain(f"warning: {warning}", color)

    def answered() -> Iterator[Answer]:
        nonlocal status
        for spec in specs:
            graph = None
            for one in known.values():
                try:
                    graph = graph or load_graph(spec, values, batch, freeze)
                    made = answer(graph, one, dtype, mode, optimizer, generate)
                except SpecError as error:
                    options.report(error.diagnostics, color)
                    status = max(status, 1)
                    break  # on any other device too
                except RequestError as error:
                    if not several:
                        raise
                    complain(f"archcalc: {visible(str(error))}", color)
                    status = 2
                    if graph is None:
                        break
                    continue
                for warning in made.warnings:
                    complain(f"warning: {warning}", color)
                yield made

    answers = answered()
    first = next(answers, None)
    if first is not None:
        _print(first, answers, several, depth, number, format, color)
    return status


def _print(
    first: Answer, others: Iterator[Answer], several: bool, depth: int, number: int | None, format: str, color: str
) -> None:
    from archcalc.reports.prediction import rows

    answers = chain([first], others)  # predicted as they are printed: of many, one is held at a time

    def listed(one: Answer) -> list[rows.TimedRow]:
        if number:
            return rows.slowest(one, number)
        return rows.layers(one) if format in ("json", "csv") else list(rows.rows(one, depth))

    if format in ("json", "csv"):
        from archcalc.reports.prediction import machine

        found = ((one, listed(one)) for one in answers)
        if format == "csv":
            write(machine.csv(found))
        else:
            write(json.dumps(machine.documents(found, several), ensure_ascii=False) + "\n")
    elif format == "markdown":
        from archcalc.reports.prediction import comparison, machine

        write(comparison.markdown(answers) if several else machine.markdown(first, listed(first)))
    else:
        from archcalc.reports.prediction import comparison, text

        rule = sys.stdout.isatty() or wants_color(color, sys.stdout)
        show(
            comparison.table(answers, rule) if several else text.text(first, listed(first), rule),
            color,
        )


def _versions(calibration: dict[str, object] | None) -> list[str]:
    """Whether the PyTorch that is installed is the one that was measured."""
    from importlib.metadata import PackageNotFoundError, version

    measured = str((calibration or {}).get("torch", ""))
    try:
        installed = version("torch")
    except PackageNotFoundError:
        return []
    if not measured or installed == measured:
        return []
    return [f"measured with torch {measured}, but {installed} is installed: run `archcalc calibrate` again"]
