"""`archcalc profile [SPEC]`."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

import click

from archcalc.commands import options, running
from archcalc.commands.printing import emit
from archcalc.devices import find, save
from archcalc.diagnostics import RequestError
from archcalc.network.freezing import check_trains, untrainable
from archcalc.network.load import load_graph
from archcalc.pytorch.needs import require
from archcalc.records import NamedTuple
from archcalc.reports import forms
from archcalc.running import FIELDS, Running
from archcalc.running.declaration import INFERENCE, TRAIN
from archcalc.shipped import path_of
from archcalc.terminal import complain

# Supported run fields.
_FIELDS = tuple(name for name in FIELDS if name not in ("cache", "length", "new_tokens"))


class _Asked(NamedTuple):
    """The options of `archcalc profile`."""

    spec: str | None
    set: tuple[str, ...]
    said: Running
    warmup: int | None
    repeat: int
    time: float
    seed: int
    compare: str | None
    save_device: str | None
    format: str
    color: str


@click.command(name="profile")
@click.argument("spec", required=False, metavar="[SPEC]", shell_complete=options.files)
@options.settings
@running.asked(_FIELDS, old=("dtype", "compile", "channels_last"))
@options.look("--warmup", type=options.Whole(0), help="Warm-up runs, not counted; default: until the time settles.")
@options.look(
    "--repeat", type=options.Whole(1), default=20, show_default=True, help="Maximum number of runs to measure."
)
@options.look(
    "--time",
    type=click.FloatRange(0.01),
    metavar="SECONDS",
    default=10.0,
    show_default=True,
    help="Maximum seconds for each pass.",
)
@options.look(
    "--seed", type=options.Whole(0, 2**63 - 1), default=0, show_default=True, help="Seed of weights and input."
)
@click.option(
    "--compare", metavar="SPEC", help="Measure another network alternately with this one, and report the ratio."
)
@click.option(
    "--save-device", metavar="FILE", help="Add the measured layers to this device file, written by `calibrate`."
)
@options.form("profile")
@options.color
@options.guarded
@options.asked(_Asked)
def command(asked: _Asked) -> int:
    """Measure the time and memory of a network on this machine; without SPEC, of AlexNet."""
    said = asked.said
    path = asked.spec or path_of("alexnet")
    if path is None:
        raise RequestError("name a spec: this installation of archcalc comes without specs")
    values = options.parse_settings(asked.set)
    graph = load_graph(path, values, said.batch or None, said=said)
    other = load_graph(asked.compare, values, said.batch or None) if asked.compare else None
    # The spec's `run:` may describe another machine.
    said = said.over(graph.document.run(graph.variant).also(device=None))
    if not said.mode:
        said = said.also(mode=INFERENCE if untrainable(graph) else TRAIN)
    if said.mode == TRAIN:
        check_trains(graph, "--mode inference")
    require("profile")
    from archcalc.pytorch import profile as profiling
    from archcalc.pytorch.names import BuildError
    from archcalc.pytorch.setup import Setup
    from archcalc.pytorch.timing import Budget

    setup = Setup(said, said.device or "cpu", asked.seed, Budget(asked.warmup, asked.repeat, asked.time))
    report = "profile" if other is None else "profile_comparison"
    forms.module(report, asked.format)  # measuring takes a while, so check the format first
    known = None
    if asked.save_device and not os.path.exists(asked.save_device):
        raise RequestError(
            f"--save-device adds layers to a device file, and there is no {asked.save_device}: "
            f"write it first with `archcalc calibrate -o {asked.save_device}`"
        )
    if asked.save_device:
        if other is not None:
            raise RequestError("--save-device saves the layers of one network: leave out --compare")
        from archcalc.pytorch.calibration import refit

        known = find(asked.save_device)
        refit.check(known, setup)
    try:
        with _watched(asked.repeat) as progress:
            if other is not None:
                found = profiling.compare((graph, other), setup, progress)
            else:
                measured = profiling.profile(graph, setup, progress, known)
    except BuildError as error:
        raise RequestError(f"{graph.path}: {error}") from None
    except KeyboardInterrupt:
        raise RequestError("interrupted before anything was measured") from None
    if other is not None:
        emit(report, asked.format, found, asked.color)
        return _status(found.interrupted, len(found.ratios), asked.color)
    if known is not None and asked.save_device is not None and not measured.interrupted:
        extended, added = refit.extended(known, measured)
        save(extended, asked.save_device)
        complain(f"added {added} {'layer' if added == 1 else 'layers'} to {asked.save_device}", asked.color)
    emit(report, asked.format, measured, asked.color)
    return _status(measured.interrupted, len(measured.total.seconds), asked.color)


def _status(interrupted: bool, rounds: int, color: str) -> int:
    if interrupted:
        complain(f"archcalc: interrupted after {rounds} {'run' if rounds == 1 else 'runs'}", color)
    return 2 if interrupted else 0


@contextlib.contextmanager
def _watched(repeat: int) -> Iterator[Callable[[str], None]]:
    """A progress bar on stderr, if it is a terminal."""
    if not sys.stderr.isatty():
        yield lambda what: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("building", total=repeat + 3)

        def progress(what: str) -> None:
            bar.update(task, description=what, advance=1)

        yield progress
