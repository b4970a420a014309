"""`archcalc predict SPEC --device h100`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from archcalc.commands import options, running
from archcalc.commands.printing import emit
from archcalc.commands.reading import Reading
from archcalc.devices import LOCAL, Device, find
from archcalc.diagnostics import RequestError
from archcalc.language.amounts import parse_amount
from archcalc.network.load import load_graph
from archcalc.prediction.answer import Answer, answer
from archcalc.prediction.whole import SAMPLES, TOKENS
from archcalc.records import NamedTuple
from archcalc.reports.prediction.report import Report
from archcalc.running import Running
from archcalc.running.declaration import FIELDS
from archcalc.terminal import complain


class _Asked(NamedTuple):
    """The options of `archcalc predict`."""

    specs: tuple[str, ...]
    set: tuple[str, ...]
    said: Running
    device: tuple[str, ...]
    depth: int
    number: int | None
    samples: str | None
    tokens: str | None
    format: str
    color: str


@click.command(name="predict")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", shell_complete=options.files)
@options.settings
@running.asked(tuple(FIELDS), old=("dtype", "generate"), several=("device",))
@options.look("--depth", type=options.Whole(1), default=1, show_default=True, help="Levels of blocks to open.")
@options.look(
    "-n",
    "--number",
    type=options.Whole(0),
    help="Show only this many of the slowest layers, and the rest in one row.",
)
@options.look(
    "--samples", metavar="AMOUNT", help="Predict hours and energy of a run over this many samples, e.g. 1.28M."
)
@options.look("--tokens", metavar="AMOUNT", help="The same over this many tokens, e.g. 300B.")
@options.form("prediction")
@options.color
@options.help
@options.guarded
@options.asked(_Asked)
def command(asked: _Asked) -> int:
    """Predict how long a network takes on a device, without running it.

    Every time comes with its expected range and its basis: measurements of the same layers, of similar layers, or a data
    sheet. Several specs or devices get one row each.
    """
    known: dict[str, Device | None] = {name: find(name) for name in asked.device}
    values = options.parse_settings(asked.set)
    several = len(asked.specs) > 1 or len(known) > 1
    for name, found in known.items():
        for warning in _versions(found.calibration) if found is not None and name in LOCAL else ():
            complain(f"warning: {warning}", asked.color)
    amount = _amount(asked.samples, asked.tokens)
    reading = Reading(asked.color)

    def answered(spec: str) -> Iterator[Answer]:
        graph = load_graph(spec, values, asked.said.batch or None, said=asked.said)
        for name, one in (known or {"": None}).items():
            with reading.telling(RequestError):  # another device may support it
                made = answer(graph, asked.said.also(device=name or None), one)
                # One prediction for people starts with them.
                for warning in made.warnings if several or asked.format != "text" else ():
                    complain(f"warning: {warning}", asked.color)
                yield made

    # Predicted one at a time, as they are printed.
    answers = reading.each(asked.specs, answered)
    if answers is not None:
        emit("prediction", asked.format, Report(answers, several, asked.depth, asked.number, amount), asked.color)
    return reading.status


def _amount(samples: str | None, tokens: str | None) -> tuple[int, str] | None:
    """The length of a whole run and its unit. Raises `RequestError`."""
    if samples is not None and tokens is not None:
        raise RequestError("give either --samples or --tokens, not both")
    for given, of in ((samples, SAMPLES), (tokens, TOKENS)):
        if given is not None:
            # B means billions here.
            text = re.sub(r"(?i)(?<=\d)B\Z", "G", given.strip())
            if not (found := parse_amount(text)):
                raise RequestError(f"--{of} takes an amount, e.g. 1.28M or 300B, not {given!r}")
            return found, of
    return None


def _versions(calibration: dict[str, object] | None) -> list[str]:
    """A warning if the installed PyTorch is not the one that was measured."""
    from importlib.metadata import PackageNotFoundError, version

    measured = str((calibration or {}).get("torch", ""))
    try:
        installed = version("torch")
    except PackageNotFoundError:
        return []
    if not measured or installed == measured:
        return []
    return [f"measured with torch {measured}, but {installed} is installed: run `archcalc calibrate` again"]
