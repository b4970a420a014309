"""`archcalc serve SPEC --device a100`."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from archcalc.commands import options, running
from archcalc.commands.printing import emit
from archcalc.commands.reading import Reading
from archcalc.devices import find
from archcalc.diagnostics import RequestError
from archcalc.memory.serving import Engine, Request, others, serve
from archcalc.network.load import load_graph
from archcalc.prediction.serving import at_load
from archcalc.records import NamedTuple
from archcalc.reports.serving.report import Answer, Report
from archcalc.running import Running

_FIELDS = ("precision", "weights", "attention", "execution", "cache", "length", "device")
_REQUEST = re.compile(r"(?:(\d{1,6})\s*[x×]\s*)?(\d{1,9})\s*\+\s*(\d{1,9})\Z", re.ASCII)


class _Asked(NamedTuple):
    """The options of `archcalc serve`."""

    specs: tuple[str, ...]
    set: tuple[str, ...]
    said: Running
    device: tuple[str, ...]
    share: float
    block: int
    positions: int
    sequences: int
    requests: tuple[str, ...]
    format: str
    color: str


@click.command(name="serve")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", shell_complete=options.files)
@options.settings
@running.asked(_FIELDS, several=("device",))
@options.look("--share", type=click.FloatRange(0.01, 1), metavar="SHARE", default=0.9, show_default=True,
              help="Share of the device's memory that the engine may take.")  # fmt: skip
@options.look("--block", type=options.Whole(1, 4096), default=16, show_default=True, help="Positions per page.")
@options.look("--positions", type=options.Whole(1, 2**20), default=8192, show_default=True,
              help="Maximum positions computed per step.")  # fmt: skip
@options.look("--sequences", type=options.Whole(1, 2**20), default=256, show_default=True,
              help="Maximum requests per step.")  # fmt: skip
@options.look("--request", "requests", cls=options.Several, multiple=True, metavar="[N x]PROMPT+NEW",
              help="Concurrent requests, e.g. 20x1000+200. Repeatable.  [default: as many as fit]")  # fmt: skip
@options.form("serving")
@options.color
@options.help
@options.guarded
@options.asked(_Asked)
def command(asked: _Asked) -> int:
    """Predict what a serving engine reserves for a network, how many requests fit, and their latency.

    The rule is vLLM's: its share of the device, minus weights, activations and context, is divided into cache pages.
    """
    engine = Engine(asked.share, asked.block, asked.positions, asked.sequences)
    load = [_request(text) for text in asked.requests]
    chips = {name: find(name) for name in asked.device}
    values = options.parse_settings(asked.set)
    reading = Reading(asked.color)

    def answered(spec: str) -> Iterator[Answer]:
        graph = load_graph(spec, values)
        for name in chips or [""]:
            with reading.telling(RequestError):
                found = serve(graph, asked.said.also(device=name or None), engine)
                fits = min(found.requests(found.length), engine.sequences)
                usual = [Request(max(1, found.length - 1), 1, fits)] if fits else []
                wanted = load or usual
                timed = at_load(found, wanted) if wanted else None
                tried = () if found.requests(found.length) else others(graph, found.running, engine)
                ways = tuple((option, one.requests(one.length)) for option, one in tried)
                yield Answer(found, tuple(wanted), timed, bool(load), ways)

    answers = reading.each(asked.specs, answered)
    if answers is not None:
        emit("serving", asked.format, Report(list(answers)), asked.color)
    return reading.status


def _request(text: str) -> Request:
    match = _REQUEST.match(text.strip())
    numbers = [int(one or 1) for one in match.groups()] if match else [0]
    if not all(numbers):
        raise RequestError(f"--request takes COUNTxPROMPT+NEW, e.g. 20x1000+200, not {text!r}")
    count, prompt, new = numbers
    return Request(prompt, new, count)
