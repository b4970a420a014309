"""`archcalc fit SPEC --vary width --max params=25M`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import click

from archcalc.commands import options, running
from archcalc.commands.printing import emit
from archcalc.commands.swept import swept
from archcalc.devices import find
from archcalc.diagnostics import RequestError, SpecError
from archcalc.language.amounts import parse_amount, without_bytes
from archcalc.memory.sizes import BATCH
from archcalc.records import NamedTuple
from archcalc.reports.fit.report import At, Report
from archcalc.running import Running
from archcalc.running.declaration import GENERATE, INFERENCE, TRAIN
from archcalc.running.defaults import settled
from archcalc.running.limits import parse_bytes
from archcalc.running.refusals import OF
from archcalc.sweep.axis import Axis, parse_values
from archcalc.sweep.evaluate import usual_batch
from archcalc.sweep.fit import fit
from archcalc.sweep.grid import Point
from archcalc.sweep.measures import BYTES, SECONDS, Measure, measures

# The memory that a device limits, by mode.
_MEMORY = {TRAIN: "memory", INFERENCE: "inference_memory", GENERATE: "generation_memory"}
_MOST = 10_000


class _Asked(NamedTuple):
    """The options of `archcalc fit`."""

    spec: str
    vary: str
    max: tuple[str, ...]
    set: tuple[str, ...]
    said: Running
    runs: Sequence[Axis]
    format: str
    color: str


@click.command(name="fit")
@click.argument("spec", metavar="SPEC", shell_complete=options.files)
@options.look("--vary", required=True, metavar="NAME[=VALUES]",
              help="The hparam, dim or batch to vary; with values, e.g. 64..1024:64, only these are tried.")  # fmt: skip
@options.look("--max", "max", cls=options.Several, multiple=True, metavar="NAME=AMOUNT",
              help="A limit: params=25M, macs=4G, memory=8GiB, inference_memory, generation_memory, "
                   "activations, depth; with a device time=10ms, step_time, token_time. Repeatable.  [default: the memory of the device]")  # fmt: skip
@options.settings
@swept(running.ALL, single=("mode",))
@options.form("fit")
@options.color
@options.help
@options.guarded
@options.asked(_Asked)
def command(asked: _Asked) -> int:
    """Find the largest value of a name within limits, and the limit that binds.

    Run fields with several values, e.g. --precision fp32,autocast-bf16, give one answer for each combination. Exit with
    status 1 if no value is within the limits.
    """
    name, equals, values = (part.strip() for part in asked.vary.partition("="))
    if not name or (equals and not values):
        raise RequestError(f"--vary takes a name, or NAME=VALUES, e.g. width=64..1024:64, not {asked.vary!r}")
    given = options.parse_settings(asked.set)
    if name in (*given, *(axis.name for axis in asked.runs)):
        raise RequestError(
            f"`{name}` is both varied and set: leave out --{name if name not in given else f'set {name}'}"
        )
    said = asked.said
    point = Point(asked.spec, tuple(given.items()), said.batch or usual_batch(asked.spec))
    tried = parse_values(values, f"--vary {name}") if values else None
    combinations = list(product(*(axis.values for axis in asked.runs)))
    if len(combinations) > _MOST:
        raise RequestError(f"{len(combinations):,} combinations are more than {_MOST:,}: give fewer values")
    for mode in (TRAIN, INFERENCE) if not asked.runs else ():
        settled(said, mode)

    def answers() -> Iterator[At]:
        for combination in combinations:
            at = tuple(zip((axis.name for axis in asked.runs), combination))
            run = replace(point, run=at).said.over(said)
            limits = dict(_limit(text, bool(run.device)) for text in asked.max) or _of_device(run)
            here = replace(point, batch=run.batch or point.batch, run=tuple(one for one in at if one[0] != BATCH))
            try:
                yield At(at, fit(here, name, limits, said, tried))
            except (RequestError, SpecError) as error:
                if not asked.runs:
                    raise
                yield At(at, None, error.diagnostics[0].message if isinstance(error, SpecError) else str(error))

    report = Report(asked.spec, name, [axis.name for axis in asked.runs], list(answers()))
    if not report.found:
        raise RequestError(report.answers[0].reason)
    emit("fit", asked.format, report, asked.color)
    return 0 if any(one.best is not None for one in report.found) else 1


def _limit(text: str, has_device: bool) -> tuple[Measure, float]:
    name, _, amount = (part.strip() for part in text.partition("="))
    measure = measures([name], has_device)[0]
    if measure.unit == SECONDS:
        try:
            return measure, options.Duration().convert(amount, None, None)
        except click.BadParameter:
            raise RequestError(f"--max {name} takes a time, e.g. 10ms or 2s, not {amount!r}") from None
    found = parse_bytes(amount, f"--max {name}") if measure.unit == BYTES else parse_amount(amount)
    if measure.unit != BYTES and (number := without_bytes(name, amount)) is not None:
        raise RequestError(f"--max {name} takes a number, not bytes: write {number}")
    if not found:
        raise RequestError(f"--max {name} takes an amount, e.g. 25M, 4G or 8GiB, not {amount!r}")
    return measure, found


def _of_device(said: Running) -> dict[Measure, float]:
    """The default limit: the device's memory, for training unless another mode is given."""
    if not said.device:
        raise RequestError(
            "no limit: give one, e.g. --max memory=24GB, or a device, whose memory is the limit, e.g. --device h100"
        )
    generates = any(OF.get(name) == GENERATE for name in said.said)
    mode = said.mode or (GENERATE if generates else TRAIN)
    return {measures([_MEMORY[mode]], True)[0]: find(said.device).memory_bytes}
