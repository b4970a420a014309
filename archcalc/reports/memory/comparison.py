"""The memory of several networks, one row each."""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.memory.assessment import Assessment
from archcalc.memory.footprint import GENERATION, MODES
from archcalc.reports import numbers
from archcalc.reports.blocks import DIM, Block, Group
from archcalc.reports.columns import Column, Columns
from archcalc.reports.memory.words import facts, value
from archcalc.reports.text import Parts


def table(answers: Sequence[Assessment], rule: bool = True) -> Block:
    """Input, the peak of each mode, what a position adds, whether it fits, and the largest sizes."""
    shown = [name for name in MODES if any(answer.mode(name) for answer in answers)]
    sizes = list(dict.fromkeys(limit.name for answer in answers for mode in answer.modes for limit in mode.limits))
    columns = [
        Column("model", right=False),
        Column("input", right=False, rank=20),
        *(Column(name, rank=index) for index, name in enumerate(shown)),
        Column("each position", rank=9),
        *(Column(f"largest {name}", rank=10 + index) for index, name in enumerate(sizes)),
        Column("fits", right=False, rank=3),
    ]
    rows = [(_cells(answer, shown, sizes), None) for answer in answers]
    notes = [*facts(answers[0]), *_notes(answers[0])]
    return Group(Columns(columns, rows, rule), *([] if rule else [""]), Parts(notes, DIM))


def _cells(answer: Assessment, shown: Sequence[str], sizes: Sequence[str]) -> list[str]:
    modes = [answer.mode(name) for name in shown]
    generation = answer.mode(GENERATION)
    token = generation.found.generation.token_bytes if generation and generation.found.generation else 0
    first = answer.modes[0]
    limits = {limit.name: limit for limit in first.limits}
    fits = [mode.name for mode in answer.modes if mode.taken is not None and mode.taken.fits]
    verdict = ("all" if len(fits) == len(answer.modes) else ", ".join(fits) or "none") if first.taken else ""
    return [
        answer.graph.model,
        ", ".join(numbers.shape(x.shape) for x in answer.graph.inputs.values()),
        *(numbers.size(mode.found.peak) if mode else "" for mode in modes),
        numbers.size(token),
        *(value(limits.get(name)) for name in sizes),
        verdict,
    ]


def _notes(answer: Assessment) -> list[str]:
    question, first = answer.question, answer.modes[0]
    notes = []
    if first.limits:
        device = question.device
        room = question.room or (device.memory_bytes if device else 0)
        of = f" of {device.title}" if device and not question.room else ""
        notes.append(f"largest sizes for {first.name} in {numbers.size(room)}{of}")
    return notes
