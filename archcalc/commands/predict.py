"""`archcalc predict SPEC --device h100`."""

from __future__ import annotations

import json
import sys

import click

from archcalc.commands import options
from archcalc.devices import LOCAL, find
from archcalc.network.load import load_graph
from archcalc.prediction.answer import answer
from archcalc.prediction.predict import MODES, OPTIMIZERS
from archcalc.terminal import complain, show, wants_color, write


@click.command(name="predict")
@click.argument("spec", metavar="SPEC")
@click.option("--device", required=True, metavar="NAME|FILE",
              help="h100, a100, a40, ...; cpu or cuda as `archcalc calibrate` measured them; or a device file.")  # fmt: skip
@options.settings
@options.batch
@click.option("--dtype", type=click.Choice(("fp64", "fp32", "tf32", "bf16", "fp16")),
              help="Type of weights and input; default: what the device is calibrated for, else its fastest.")  # fmt: skip
@click.option("--mode", type=click.Choice(MODES), default="forward", show_default=True,
              help="A forward pass, or a whole training step.")  # fmt: skip
@click.option("--optimizer", type=click.Choice(OPTIMIZERS), default="adamw", show_default=True,
              help="Optimizer of the training step.")  # fmt: skip
@click.option("--generate", type=click.IntRange(1, 2**31), metavar="TOKENS",
              help="Generate so many tokens after a prompt, which is as long as the spec's sequence.")  # fmt: skip
@click.option("--depth", type=click.IntRange(1), default=1, show_default=True, help="Levels of blocks that are opened.")
@click.option("-n", "--number", type=click.IntRange(1), help="Only so many layers, the slowest; the rest in one row.")
@click.option("--format", "format", type=click.Choice(("text", "json", "csv", "markdown")), default="text", show_default=True,
              help="Form of the output.")  # fmt: skip
@options.color
@options.help
@options.guarded
def command(
    spec: str,
    device: str,
    set: tuple[str, ...],
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
    such layers, of layers that work alike, or a data sheet.
    """
    known = find(device)
    graph = load_graph(spec, options.parse_settings(set), batch)
    found = answer(graph, known, dtype, mode, optimizer, generate)
    for warning in (*found.warnings, *(_versions(known.calibration) if device in LOCAL else ())):
        complain(f"warning: {warning}", color)
    from archcalc.reports.prediction import rows

    if number:
        listed = rows.slowest(found, number)
    else:
        listed = rows.layers(found) if format in ("json", "csv") else list(rows.rows(found, depth))
    if format == "text":
        from archcalc.reports.prediction import text

        show(text.text(found, listed, sys.stdout.isatty() or wants_color(color, sys.stdout)), color)
        return 0
    from archcalc.reports.prediction import machine

    if format == "json":
        write(json.dumps(machine.data(found, listed), ensure_ascii=False) + "\n")
    else:
        write(machine.csv(listed) if format == "csv" else machine.markdown(found, listed))
    return 0


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
