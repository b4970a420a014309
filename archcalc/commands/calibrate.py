"""`archcalc calibrate [SPEC...]`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

import click

from archcalc.commands import options
from archcalc.commands.printing import emit
from archcalc.devices import local_path, save
from archcalc.diagnostics import RequestError
from archcalc.network.load import load_graph
from archcalc.pytorch.needs import require
from archcalc.records import NamedTuple
from archcalc.reports.calibration.report import Report
from archcalc.terminal import complain


class _Asked(NamedTuple):
    """The options of `archcalc calibrate`."""

    specs: tuple[str, ...]
    device: str
    set: tuple[str, ...]
    batch: int
    dtype: str
    threads: int
    time: float
    layers: int
    seed: int
    output: str | None
    format: str
    color: str


@click.command(name="calibrate")
@click.argument("specs", nargs=-1, metavar="[SPEC...]", shell_complete=options.files)
@options.look("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:1.")
@options.settings
@options.batch
@options.look(
    "--dtype",
    type=click.Choice(("fp32", "tf32", "fp16", "bf16")),
    default="fp32",
    show_default=True,
    help="Type of weights and input.",
)
@options.look("--threads", type=options.Whole(1), default=1, show_default=True,
              help="CPU threads; one thread is timed in CPU time, several in wall-clock time.")  # fmt: skip
@options.look("--time", type=options.Duration(), default="60s", show_default=True, help="How long to measure.")
@options.look(
    "--layers", type=options.Whole(1), default=600, show_default=True, help="Largest number of layers to measure."
)
@options.look(
    "--seed", type=options.Whole(0, 2**63 - 1), default=0, show_default=True, help="Seed for generating layers."
)
@click.option(
    "-o", "--output", metavar="FILE", help="Device file to write; default: this machine's, where `predict` finds it."
)
@options.form("calibration")
@options.color
@options.guarded
@options.asked(_Asked)
def command(asked: _Asked) -> int:
    """Measure layers on this machine and write a device file for `predict`.

    Half of the layers are those of the specs, half are random variations of them; without SPEC, they are variations of
    the layers of common networks.
    """
    values = options.parse_settings(asked.set)
    graphs = [load_graph(spec, values, asked.batch) for spec in asked.specs]
    require("calibrate")
    from archcalc.pytorch.calibration import preflight
    from archcalc.pytorch.calibration.calibrate import Request, calibrate

    kind = asked.device.partition(":")[0]
    if kind not in ("cpu", "cuda"):
        raise RequestError(f"{asked.device} cannot be calibrated: use cpu, cuda or cuda:1")
    path = asked.output or local_path(kind)
    for warning in preflight.warnings(asked.threads, asked.dtype, kind):
        complain(f"warning: {warning}", asked.color)
    try:
        with _watched() as progress:
            made = calibrate(
                Request(asked.device, asked.dtype, asked.threads, asked.time, asked.seed, kind, asked.layers),
                graphs,
                progress,
            )
    except KeyboardInterrupt:
        raise RequestError("interrupted before anything was measured") from None
    save(made.device, path)
    for remark in made.remarks():
        complain(f"warning: {remark}", asked.color)
    emit("calibration", asked.format, Report(made.device, path, made.seconds, made.interrupted), asked.color)
    return 0


@contextlib.contextmanager
def _watched() -> Iterator[Callable[[float, str], None]]:
    """A progress bar on stderr, if it is a terminal."""
    if not sys.stderr.isatty():
        yield lambda share, what: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0)

        def progress(share: float, what: str) -> None:
            bar.update(task, description=what, completed=share)

        yield progress
