"""Findings in every form they can be written: one file for each."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archcalc.reports.findings.report import Report

FORMATS = (
    "full", "concise", "grouped", "json", "jsonl", "github", "gitlab", "sarif", "junit", "rdjson", "markdown",
)  # fmt: skip


def render(form: str, report: Report) -> str:
    """The report in one of `FORMATS`, with a line break at its end unless it is empty."""
    text: str = import_module(f"archcalc.reports.findings.{form}").render(report)
    return text if not text or text.endswith("\n") else text + "\n"
