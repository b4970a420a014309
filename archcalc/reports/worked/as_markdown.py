"""A worked example in GitHub's markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archcalc.quoting import markdown as escape
from archcalc.reports.worked.report import Report
from archcalc.reports.worked.steps import grids_text
from archcalc.worked.example import Grid

# Wider blocks of code would scroll.
_WIDTH = 100


def render(report: Report) -> str:
    """The input and weights, then a list of steps, each with its numbers and lines as a block of code."""
    parts = [f"### {escape(report.label)}\n"]
    if report.example.given:
        parts += ["given\n", *_code(report.example.given, [], "")]
    steps = zip(report.example.steps, report.steps())
    for number, (step, (title, lines)) in enumerate(steps, 1):
        parts += [f"{number}. {escape(title)}\n", *_code(step.grids, lines, "   ")]
    return "\n".join(parts)


def _code(grids: Sequence[Grid], lines: Sequence[str], indent: str) -> Iterator[str]:
    """Grids, then lines, in a fenced block; nothing if there are none."""
    text = [*grids_text(grids, _WIDTH), *lines]
    if text:
        yield "\n".join(f"{indent}{line}".rstrip() for line in ("```text", *text, "```")) + "\n"
