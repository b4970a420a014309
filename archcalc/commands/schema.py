"""`archcalc schema`."""

from __future__ import annotations

import click

from archcalc.commands import options
from archcalc.reports import forms
from archcalc.reports.documents import dumps
from archcalc.reports.schema import schema
from archcalc.terminal import write


@click.command(name="schema")
@options.look("--report", type=click.Choice(forms.described()), help="Print the schema of this report's JSON.")
@options.guarded
def command(report: str | None) -> int:
    """Print the JSON Schema of a spec, for editors, or of a command's JSON output."""
    write(forms.schema(report) if report else dumps(schema(), indent=1))
    return 0
