"""The parts of the memory as CSV: a line for each part of each mode of each network."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.memory.assessment import Mode
from archcalc.memory.definitions import DEFINITIONS
from archcalc.reports.memory.report import Report
from archcalc.reports.sheet import sheet

HEADER = ("model", "batch", "mode", "part", "bytes", "certainty")


def render(report: Report) -> str:
    """All parts of all networks, a header first; the parts of a mode come before its totals."""
    lines: list[tuple[object, ...]] = []
    for answer in report.answers:
        for mode in answer.modes:
            for part, bytes, certainty in _lines(mode):
                lines.append((answer.graph.model, answer.graph.batch, mode.name, part, bytes, certainty))
    return sheet(HEADER, lines)


def _lines(mode: Mode) -> Iterator[tuple[str, int, str]]:
    found = mode.found
    for key, bytes in found.parts.items():
        yield key, bytes, found.certainty(key)
    totals = {"peak": found.peak}
    if found.forward_end:
        totals["forward_end"] = found.forward_end
    if found.generation is not None:
        totals |= {"token": found.generation.token_bytes, "logits": found.generation.logits_bytes}
    if mode.taken is not None:
        totals |= {"allocated": mode.taken.allocated, "reserved": mode.taken.reserved, "nvidia_smi": mode.taken.shown}
    for key, bytes in totals.items():
        yield key, bytes, DEFINITIONS[key].certainty
