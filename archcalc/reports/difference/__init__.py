"""What changed between networks, in every form it can be written: one file for each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archcalc.reports.difference.report import Report

FORMATS = ("text", "json", "markdown")


def render(form: str, report: Report) -> str:
    """The report in one of `FORMATS`."""
    text: str = import_module(f"archcalc.reports.difference.{form}").render(report)
    return text
