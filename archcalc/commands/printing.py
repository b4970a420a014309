"""Prints reports, or writes them to files."""

from __future__ import annotations

import click

from archcalc.quoting import terminal_text
from archcalc.reports import forms
from archcalc.reports.blocks import UNBOUNDED, Drawing, Page, rendered
from archcalc.terminal import complain, show, write


def emit(report: str, form: str, found: object, color: str = "auto", to_stderr: bool = False) -> None:
    """Print a report in a format.

    Raises:
        RequestError: the report does not have this format.
    """
    made = forms.render(report, form, found)
    if isinstance(made, str):
        if to_stderr:
            if made:
                complain(made.rstrip("\n"), "never")
        else:
            write(made, commands=forms.commands(report, form))
    elif isinstance(made, Drawing):
        show(made, color, to_stderr)
    else:
        for part in made:
            if isinstance(part, str):
                write(part)
            else:
                show(part, color, to_stderr)


def text_of(report: str, form: str, found: object) -> str:
    """The report as text for a file, without colours."""
    made = forms.render(report, form, found)
    parts = [made] if isinstance(made, (str, Drawing)) else made
    text = "".join(part if isinstance(part, str) else rendered(part, Page(UNBOUNDED)) for part in parts)
    return text if forms.commands(report, form) else terminal_text(click.unstyle(text))
