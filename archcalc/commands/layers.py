"""`archcalc layers`."""

from __future__ import annotations

import click

from archcalc.commands import options
from archcalc.commands.printing import emit
from archcalc.reports.layers.report import Report


@click.command(name="layers")
@options.form("layers")
@options.color
@options.guarded
def command(format: str, color: str) -> int:
    """List the layers of the language, by family."""
    emit("layers", format, Report(), color)
    return 0
