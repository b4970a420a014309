"""`archcalc devices`."""

from __future__ import annotations

import click

from archcalc.commands import options
from archcalc.commands.printing import emit
from archcalc.devices import find, names
from archcalc.devices.device import as_written
from archcalc.diagnostics import RequestError
from archcalc.reports.devices.report import Report


@click.command(name="devices")
@click.argument("word", required=False, shell_complete=options.devices)
@options.form("devices")
@options.color
@options.help
@options.guarded
def command(word: str | None, format: str, color: str) -> int:
    """List the known devices, including those calibrated on this machine.

    With WORD, list only devices whose name or title contains it.
    """
    known = [find(name) for name in names()]
    wanted = (word or "").lower()
    found = [one for one in known if wanted in one.name or wanted in one.title.lower()]
    if not found and (meant := as_written(wanted, names())) is not None:
        found = [find(meant)]
    if not found:
        raise RequestError(
            f"no device has {word!r} in its name: `archcalc devices` lists all; use a device file for others"
        )
    emit("devices", format, Report(found), color)
    return 0
