"""`archcalc memory SPEC...`."""

from __future__ import annotations

from collections.abc import Iterator

import click

from archcalc.commands import options, running
from archcalc.commands.printing import emit
from archcalc.commands.reading import Reading
from archcalc.devices import find
from archcalc.diagnostics import RequestError
from archcalc.memory.assessment import Assessment, Question, assess
from archcalc.network.load import load_graph, split_variant
from archcalc.output import write_file
from archcalc.records import NamedTuple
from archcalc.reports.memory.report import Report
from archcalc.running import Running
from archcalc.running.limits import parse_bytes
from archcalc.terminal import complain, text_width, write


def _definitions(context: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from archcalc.reports.memory.definitions import text

        write(text(text_width()))
        context.exit()


class _Asked(NamedTuple):
    """The options of `archcalc memory`."""

    specs: tuple[str, ...]
    set: tuple[str, ...]
    said: Running
    device: tuple[str, ...]
    limit: str | None
    room: str | None
    fit: tuple[str, ...]
    number: int
    output: str | None
    format: str
    color: str


@click.command(name="memory")
@click.argument("specs", nargs=-1, required=True, metavar="SPEC...", shell_complete=options.files)
@options.settings
@running.asked(running.ALL, old=("dtype", "mixed", "cache_dtype"), several=("device",))
@options.look("--limit", metavar="BYTES", help="Memory limit, e.g. 24GB, instead of a device's memory.")
@options.look("--room", hidden=True, help="Deprecated: use --limit.")
@options.look(
    "--fit",
    cls=options.Several,
    metavar="NAME",
    multiple=True,
    help="Find the largest value of batch or this dim that fits; default: all of them.",
)
@options.look("-n", "--number", type=options.Whole(0), default=5, show_default=True, help="Number of layers to list.")
@click.option("--definitions", is_flag=True, is_eager=True, expose_value=False, callback=_definitions,
              help="Explain what every number means and how certain it is, and exit.")  # fmt: skip
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write memory over time as an SVG plot.")
@options.form("memory")
@options.color
@options.guarded
@options.asked(_Asked)
def command(asked: _Asked) -> int:
    """Predict the memory of inference, training and generation, without running anything.

    SPEC is a file, `file.yaml@variant` or `-`. Several specs or devices get one row each.
    """
    several = len(asked.specs) > 1 or len(asked.device) > 1
    if asked.output is not None and several:
        raise RequestError(
            "-o plots a single network: name one spec" + (" and one device" if len(asked.device) > 1 else "")
        )
    if asked.output is not None and not asked.output.lower().endswith(".svg"):
        raise RequestError(f"-o {asked.output}: the plot is SVG: the name must end in .svg")
    if asked.room is not None:
        complain(f"archcalc: `--room {asked.room}` is deprecated: use `--limit {asked.room}`", asked.color)
    most = parse_bytes(asked.limit if asked.limit is not None else asked.room, "--limit")
    chips = {name: find(name) for name in asked.device}
    questions = [Question(asked.said.also(device=name), most, asked.fit, chip) for name, chip in chips.items()]
    values = options.parse_settings(asked.set)
    reading = Reading(asked.color)

    def assessed(spec: str) -> Iterator[Assessment]:
        graph = load_graph(spec, values, asked.said.batch or None, said=asked.said)
        for question in questions or [Question(asked.said, most, asked.fit)]:
            yield assess(graph, question)

    # Assessed one at a time, as they are printed.
    answers = reading.each(asked.specs, assessed)
    if answers is None:
        return reading.status
    if asked.output is not None:
        from archcalc.reports.memory import svg

        (only,) = answers
        write_file(asked.output, svg.network(only), inputs=[split_variant(spec)[0] for spec in asked.specs])
        answers = iter([only])
    emit("memory", asked.format, Report(answers, several, asked.number), asked.color)
    return reading.status
