"""`archcalc predict SPEC --device h100`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from archcalc.commands import options
from archcalc.commands.printing import emit
from archcalc.commands.reading import Reading
from archcalc.devices import LOCAL, find
from archcalc.diagnostics import RequestError
from archcalc.network.load import load_graph
from archcalc.prediction.answer import Answer, answer
from archcalc.prediction.predict import MODES, OPTIMIZERS
from archcalc.reports.prediction.report import Report
from archcalc.terminal import complain


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
@options.form("prediction")
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
    for name, found in known.items():
        for warning in _versions(found.calibration) if name in LOCAL else ():
            complain(f"warning: {warning}", color)
    reading = Reading(color)

    def answered(spec: str) -> Iterator[Answer]:
        graph = load_graph(spec, values, batch, freeze)
        for one in known.values():
            with reading.telling(RequestError):  # another device may take it
                made = answer(graph, one, dtype, mode, optimizer, generate)
                for warning in made.warnings:
                    complain(f"warning: {warning}", color)
                yield made

    # Predicted as they are printed: of many, one is held at a time.
    answers = reading.each(specs, answered)
    if answers is not None:
        emit("prediction", format, Report(answers, several, depth, number), color)
    return reading.status


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
