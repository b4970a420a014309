"""`archcalc fit SPEC --vary width --max params=25M`."""

from __future__ import annotations

import click

from archcalc.commands import options, running
from archcalc.commands.printing import emit
from archcalc.devices import find
from archcalc.diagnostics import RequestError
from archcalc.language.document import parse_amount
from archcalc.running import Running
from archcalc.running.declaration import INFERENCE, TRAIN
from archcalc.running.defaults import settled
from archcalc.running.limits import parse_bytes
from archcalc.sweep.axis import parse_values
from archcalc.sweep.evaluate import usual_batch
from archcalc.sweep.fit import fit
from archcalc.sweep.grid import Point
from archcalc.sweep.measures import BYTES, SECONDS, Measure, measures

# Run fields that measures depend on; the mode also decides which memory the device limits.
_ABOUT = tuple(name for name in running.ALL if name not in ("cache", "length", "new_tokens"))


@click.command(name="fit")
@click.argument("spec", metavar="SPEC", shell_complete=options.files)
@options.look("--vary", required=True, metavar="NAME[=VALUES]",
              help="The hparam, dim or batch to vary; with values, e.g. 64..1024:64, only these are tried.")  # fmt: skip
@options.look("--max", "max", cls=options.Several, multiple=True, metavar="NAME=AMOUNT",
              help="A limit: params=25M, macs=4G, memory=8GiB, inference_memory, activations, depth; with a "
                   "device time=10ms, step_time. Repeatable.  [default: the memory of the device]")  # fmt: skip
@options.settings
@running.asked(_ABOUT, old=("dtype",))
@options.form("fit")
@options.color
@options.help
@options.guarded
def command(
    spec: str,
    vary: str,
    max: tuple[str, ...],
    set: tuple[str, ...],
    said: Running,
    format: str,
    color: str,
) -> int:
    """Find the largest value of a name within limits, and the limit that binds.

    Exit with status 1 if no value is within the limits.
    """
    name, equals, values = (part.strip() for part in vary.partition("="))
    if not name or (equals and not values):
        raise RequestError(f"--vary takes a name, or NAME=VALUES, e.g. width=64..1024:64, not {vary!r}")
    given = options.parse_settings(set)
    if name in given:
        raise RequestError(f"`{name}` is both varied and set: leave out --set {name}")
    limits = dict(_limit(text, bool(said.device)) for text in max) or _of_device(said)
    for mode in (TRAIN, INFERENCE):
        settled(said, mode)
    found = fit(
        Point(spec, tuple(given.items()), said.batch or usual_batch(spec)),
        name,
        limits,
        said,
        parse_values(values, f"--vary {name}") if values else None,
    )
    emit("fit", format, found, color)
    return 0 if found.best is not None else 1


def _limit(text: str, has_device: bool) -> tuple[Measure, float]:
    name, _, amount = (part.strip() for part in text.partition("="))
    measure = measures([name], has_device)[0]
    if measure.unit == SECONDS:
        try:
            return measure, options.Duration().convert(amount, None, None)
        except click.BadParameter:
            raise RequestError(f"--max {name} takes a time, e.g. 10ms or 2s, not {amount!r}") from None
    found = parse_bytes(amount, f"--max {name}") if measure.unit == BYTES else parse_amount(amount)
    if not found:
        raise RequestError(f"--max {name} takes an amount, e.g. 25M, 4G or 8GiB, not {amount!r}")
    return measure, found


def _of_device(said: Running) -> dict[Measure, float]:
    """The default limit: the device's memory, for training unless another mode is given."""
    if not said.device:
        raise RequestError(
            "no limit: give one, e.g. --max memory=24GB, or a device, whose memory is the limit, e.g. --device h100"
        )
    name = "inference_memory" if said.mode == INFERENCE else "memory"
    return {measures([name], True)[0]: find(said.device).memory_bytes}
