"""The memory of several networks, one row each."""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.memory.assessment import TITLES, Assessment
from archcalc.records import NamedTuple
from archcalc.reports import numbers
from archcalc.reports.blocks import DIM, Block, Gap, Group
from archcalc.reports.columns import Column, Columns
from archcalc.reports.memory.words import runs, value
from archcalc.reports.paragraphs import Wrapped
from archcalc.reports.running import common
from archcalc.running import Running
from archcalc.running.declaration import GENERATE


class _Line(NamedTuple):
    """What is shown of one network, so that the network itself can be released."""

    model: str
    inputs: str
    peaks: dict[str, str]
    token: str
    limits: dict[str, str]
    names: list[str]
    verdict: str
    device: str


def table(answers: Iterable[Assessment]) -> Block:
    """The input, the peak of each mode, the growth per position, whether it fits, and the largest sizes."""
    lines: list[_Line] = []
    ran: dict[str, list[Running]] = {}
    notes: dict[str, None] = {}
    for answer in answers:
        for run in runs(answer):
            ran.setdefault(run.mode, []).append(run)
        notes |= dict.fromkeys(_notes(answer))
        lines.append(_line(answer))
    devices = len({line.device for line in lines}) > 1
    shown = [name for name in TITLES.values() if any(name in line.peaks for line in lines)]
    sizes = list(dict.fromkeys(name for line in lines for name in line.names))
    columns = [
        Column("model", right=False),
        Column("input", right=False, rank=20),
        *([Column("device", right=False)] if devices else []),
        *(Column(name, rank=index) for index, name in enumerate(shown)),
        Column("each position", rank=9),
        *(Column(f"largest {name}", rank=10 + index) for index, name in enumerate(sizes)),
        Column("fits", right=False, rank=3),
    ]
    rows = [
        (
            [line.model, line.inputs, *([line.device] if devices else []), *(line.peaks.get(name, "") for name in shown), line.token,
             *(line.limits.get(name, "") for name in sizes), line.verdict],
            None,
        )
        for line in lines
    ]  # fmt: skip
    said = [str(common(each)) for each in ran.values()]
    return Group(Columns(columns, rows), Gap(), *(Wrapped(one, DIM) for one in (*said, *notes)))


def _line(answer: Assessment) -> _Line:
    generation = answer.mode(GENERATE)
    token = generation.found.generation.token_bytes if generation and generation.found.generation else 0
    first = answer.modes[0]
    fits = [mode.name for mode in answer.modes if mode.fits]
    return _Line(
        answer.graph.model,
        ", ".join(numbers.shape(x.shape) for x in answer.graph.inputs.values()),
        {mode.name: numbers.size(mode.found.peak) for mode in answer.modes},
        numbers.size(token),
        {limit.name: value(limit) for limit in first.limits},
        [limit.name for mode in answer.modes for limit in mode.limits],
        ("all" if len(fits) == len(answer.modes) else ", ".join(fits) or "none") if first.limit is not None else "",
        answer.chip.name if answer.chip is not None else "",
    )


def _notes(answer: Assessment) -> list[str]:
    first = answer.modes[0]
    if first.limit is None:
        return []
    of = f" of {answer.chip.title}" if answer.chip is not None and answer.question.limit is None else ""
    return [f"largest sizes for {first.name} in {numbers.size(first.limit)}{of}"]
