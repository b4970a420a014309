"""`archcalc layers`."""

from __future__ import annotations

import click

from archcalc.advice import suggest
from archcalc.commands import options
from archcalc.commands.printing import emit
from archcalc.diagnostics import RequestError
from archcalc.layers import REGISTRY
from archcalc.reports.layers.report import Report


@click.command(name="layers")
@click.argument("word", required=False)
@options.form("layers")
@options.color
@options.guarded
def command(word: str | None, format: str, color: str) -> int:
    """List the layers of the language, by family.

    With WORD, list only layers whose name contains it, or those of a family.
    """
    report = Report((word or "").lower())
    if not report.families:
        near = suggest(word or "", [*Report().families, *REGISTRY])
        hint = f"did you mean `{near}`?" if near else "`archcalc layers` lists all"
        raise RequestError(f"no layer has {word!r} in its name, and no family has that name: {hint}")
    emit("layers", format, report, color)
    return 0
