"""The reports and their forms, as found in this folder.

A report is a folder here, and a form of it is a file `as_<form>.py` in that folder: `memory/as_csv.py` makes
`--format csv` of `archcalc memory`. Its `render(report)` gives a text, a block that is laid out for the page it
is printed on, or texts that are printed as they come.

Its JSON is described by the `schema.json` beside it. The folder's `__init__.py` says in a line what the report is about,
and in `COMMAND` what prints it. A report has all forms in `USUAL`; where one makes no sense, `WITHOUT` says why, and so
does the program when that form is requested.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib import import_module
from typing import Any, Union

from archcalc.diagnostics import RequestError
from archcalc.reports.blocks import Drawing

USUAL = ("text", "json", "csv", "markdown")
# The order in which forms are listed; the first that a report has is the default. Others follow by name.
_FIRST = ("text", "full", "concise", "grouped", "source", "json", "jsonl", "csv", "markdown")
_HOME = os.path.dirname(__file__)
_PREFIX, _ENDING = "as_", ".py"

Rendered = Union[str, Drawing, Iterable[Union[str, Drawing]]]


def reports() -> list[str]:
    """The names of all reports."""
    return sorted(name for name in os.listdir(_HOME) if not name.startswith("_") and _files(name))


def forms(report: str) -> tuple[str, ...]:
    """The names of a report's forms, its default first."""
    found = {file[len(_PREFIX) : -len(_ENDING)].replace("_", "-") for file in _files(report)}
    return (*(name for name in _FIRST if name in found), *sorted(found.difference(_FIRST)))


def _files(report: str) -> list[str]:
    folder = os.path.join(_HOME, report)
    if not os.path.isdir(folder):
        return []
    return [file for file in os.listdir(folder) if file.startswith(_PREFIX) and file.endswith(_ENDING)]


def described() -> list[str]:
    """The reports that have JSON, whose schemas are in their folders."""
    return [report for report in reports() if "json" in forms(report)]


def schema(report: str) -> str:
    """The JSON Schema of a report's JSON (draft 2020-12); keys that it does not name may be added."""
    with open(os.path.join(_HOME, report, "schema.json"), encoding="utf-8") as file:
        return file.read()


def without(report: str) -> dict[str, str]:
    """The usual forms that a report does not have, each with the reason."""
    reasons: dict[str, str] = getattr(import_module(f"archcalc.reports.{report}"), "WITHOUT", {})
    return reasons


def module(report: str, form: str) -> Any:
    """The file of a form. Raises `RequestError` where the report does not have it, with the reason."""
    known = forms(report)
    if form not in known:
        reason = without(report).get(form)
        raise RequestError(f"--format {form}: " + (reason or f"this is written as {', '.join(known)}"))
    return import_module(f"archcalc.reports.{report}.{_PREFIX}{form.replace('-', '_')}")


def commands(report: str, form: str) -> bool:
    """Whether its text is meant as commands to a CI system, so that nothing in it is escaped."""
    return bool(getattr(module(report, form), "COMMANDS", False))


def summary(report: str, form: str) -> str | None:
    """The form of the page that a CI system shows in addition to this form, which shows only a part."""
    found: str | None = getattr(module(report, form), "SUMMARY", None)
    return found


def render(report: str, form: str, found: object) -> Rendered:
    """A report rendered in one of its forms."""
    made: Rendered = module(report, form).render(found)
    return made
