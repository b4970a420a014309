"""`archcalc fit SPEC --vary width --max params=25M`."""

from __future__ import annotations

import click

from archcalc.commands import conditions as run
from archcalc.commands import options
from archcalc.commands.printing import emit
from archcalc.diagnostics import RequestError
from archcalc.language.document import parse_amount
from archcalc.sweep.axis import parse_values
from archcalc.sweep.fit import fit
from archcalc.sweep.grid import Point
from archcalc.sweep.measures import SECONDS, Conditions, Measure, measures


@click.command(name="fit")
@click.argument("spec", metavar="SPEC", shell_complete=options.files)
@options.look("--vary", required=True, metavar="NAME[=VALUES]",
              help="An hparam, a dim or batch; with values, as 64..1024:64, only these are tried.")  # fmt: skip
@options.look("--max", "max", cls=options.Several, required=True, multiple=True, metavar="NAME=AMOUNT",
              help="A limit: params=25M, macs=4G, memory=8GiB, inference_memory, activations, depth, and with a "
              "device time=10ms, step_time; may be given several times.")  # fmt: skip
@options.settings
@options.batch
@run.options
@options.form("fit")
@options.color
@options.help
@options.guarded
def command(
    spec: str,
    vary: str,
    max: tuple[str, ...],
    set: tuple[str, ...],
    batch: int,
    dtype: str | None,
    optimizer: str,
    device: str | None,
    format: str,
    color: str,
) -> int:
    """Find the largest value of one name that keeps within limits, and which limit binds.

    Exit status 1: not even the smallest does.
    """
    conditions = run.conditions(dtype, optimizer, device)
    name, equals, values = (part.strip() for part in vary.partition("="))
    if not name or (equals and not values):
        raise RequestError(f"--vary takes a name, or NAME=VALUES as width=64..1024:64, not {vary!r}")
    given = options.parse_settings(set)
    if name in given:
        raise RequestError(f"`{name}` is both varied and set: leave out --set {name}")
    found = fit(
        Point(spec, tuple(given.items()), batch),
        name,
        dict(_limit(text, conditions) for text in max),
        conditions,
        parse_values(values, f"--vary {name}") if values else None,
    )
    emit("fit", format, found, color)
    return 0 if found.best is not None else 1


def _limit(text: str, conditions: Conditions) -> tuple[Measure, float]:
    name, _, amount = (part.strip() for part in text.partition("="))
    measure = measures([name], conditions)[0]
    if measure.unit == SECONDS:
        try:
            return measure, options.Duration().convert(amount, None, None)
        except click.BadParameter:
            raise RequestError(f"--max {name} takes a time, as 10ms or 2s, not {amount!r}") from None
    found = parse_amount(amount)
    if not found:
        raise RequestError(f"--max {name} takes an amount, as 25M, 4G or 8GiB, not {amount!r}")
    return measure, found
