"""The memory of several networks, one row each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from archcalc.memory.assessment import Assessment
from archcalc.memory.footprint import GENERATION, MODES
from archcalc.reports import numbers
from archcalc.reports.blocks import DIM, Block, Gap, Group
from archcalc.reports.columns import Column, Columns
from archcalc.reports.memory.words import facts, value
from archcalc.reports.paragraphs import Parts


class _Line(NamedTuple):
    """What is shown of one network, so that the network need not be there."""

    model: str
    inputs: str
    peaks: dict[str, str]
    token: str
    limits: dict[str, str]
    names: list[str]
    verdict: str


def table(answers: Iterable[Assessment]) -> Block:
    """Input, the peak of each mode, what a position adds, whether it fits, and the largest sizes."""
    lines: list[_Line] = []
    notes: list[str] = []
    for answer in answers:
        if not lines:
            notes = [*facts(answer), *_notes(answer)]
        lines.append(_line(answer))
    shown = [name for name in MODES if any(name in line.peaks for line in lines)]
    sizes = list(dict.fromkeys(name for line in lines for name in line.names))
    columns = [
        Column("model", right=False),
        Column("input", right=False, rank=20),
        *(Column(name, rank=index) for index, name in enumerate(shown)),
        Column("each position", rank=9),
        *(Column(f"largest {name}", rank=10 + index) for index, name in enumerate(sizes)),
        Column("fits", right=False, rank=3),
    ]
    rows = [
        (
            [line.model, line.inputs, *(line.peaks.get(name, "") for name in shown), line.token,
             *(line.limits.get(name, "") for name in sizes), line.verdict],
            None,
        )
        for line in lines
    ]  # fmt: skip
    return Group(Columns(columns, rows), Gap(), Parts(notes, DIM))


def _line(answer: Assessment) -> _Line:
    generation = answer.mode(GENERATION)
    token = generation.found.generation.token_bytes if generation and generation.found.generation else 0
    first = answer.modes[0]
    fits = [mode.name for mode in answer.modes if mode.taken is not None and mode.taken.fits]
    return _Line(
        answer.graph.model,
        ", ".join(numbers.shape(x.shape) for x in answer.graph.inputs.values()),
        {mode.name: numbers.size(mode.found.peak) for mode in answer.modes},
        numbers.size(token),
        {limit.name: value(limit) for limit in first.limits},
        [limit.name for mode in answer.modes for limit in mode.limits],
        ("all" if len(fits) == len(answer.modes) else ", ".join(fits) or "none") if first.taken else "",
    )


def _notes(answer: Assessment) -> list[str]:
    question, first = answer.question, answer.modes[0]
    notes = []
    if first.limits:
        device = question.device
        room = question.room or (device.memory_bytes if device else 0)
        of = f" of {device.title}" if device and not question.room else ""
        notes.append(f"largest sizes for {first.name} in {numbers.size(room)}{of}")
    return notes
