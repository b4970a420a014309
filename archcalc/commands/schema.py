"""`archcalc schema`."""

from __future__ import annotations

import json

import click

from archcalc.commands import options
from archcalc.reports.schema import schema
from archcalc.terminal import write


@click.command(name="schema")
@options.guarded
def command() -> int:
    """Print the JSON Schema of a spec, for editors."""
    write(json.dumps(schema(), ensure_ascii=False, indent=1) + "\n")
    return 0
