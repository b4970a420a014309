"""`archcalc layers`."""

from __future__ import annotations

import click

from archcalc.commands import options
from archcalc.reports import reference
from archcalc.terminal import write


@click.command(name="layers")
@options.look(
    "--format",
    "format",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="Form of the output.",
)
@options.guarded
def command(format: str) -> int:
    """List the layers of the language, by family."""
    write(reference.dumps(reference.data()) if format == "json" else reference.overview())
    return 0
