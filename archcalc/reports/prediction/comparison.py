"""Predictions of several networks or for several devices, one row each."""

from __future__ import annotations

from archcalc.prediction.answer import Answer
from archcalc.prediction.estimate import BASES
from archcalc.prediction.whole import Whole
from archcalc.reports import numbers
from archcalc.reports.blocks import DIM, Block, Gap, Group
from archcalc.reports.columns import Column, Columns
from archcalc.reports.paragraphs import Wrapped
from archcalc.reports.prediction.report import Report
from archcalc.reports.prediction.words import hours, known, rate, sentence, span
from archcalc.reports.running import common, lines
from archcalc.running import Running

COLUMNS = (
    Column("model", right=False),
    Column("device", right=False, rank=1),
    Column("precision", right=False, rank=9),
    Column("time"),
    Column("expected", right=False, rank=4),
    Column("prompt", rank=6),
    Column("a token", rank=7),
    Column("samples/s", rank=5),
    Column("tokens/s", rank=2),
    Column("waits for", right=False, rank=8),
    Column("known from", right=False, rank=7),
    Column("whole run", rank=2),
    Column("memory", rank=6),
    Column("fits", right=False, rank=3),
)


def table(report: Report) -> Block:
    """The time of each with its range, its throughput, and whether it fits."""
    rows: list[tuple[list[str], None]] = []
    runs: list[Running] = []
    said: dict[tuple[str, str], list[str]] = {}  # the devices by basis and calibration
    for answer in report.answers:
        rows.append((cells(answer, report.whole(answer)), None))
        runs.append(answer.prediction.running)
        for basis in BASES:
            if answer.total.share(basis):
                said.setdefault((basis, known(basis, answer.prediction)), []).append(answer.prediction.device.name)
    sources = (
        sentence(f"{basis} on {', '.join(dict.fromkeys(on))}: {text}")
        for (basis, text), on in sorted(said.items(), key=lambda one: BASES.index(one[0][0]))
    )
    return Group(Columns(COLUMNS, rows), Gap(), *(Wrapped(line, DIM) for line in lines([common(runs)])), *sources)


def cells(answer: Answer, run: Whole | None = None) -> list[str]:
    """One row."""
    one, total, decoding = answer.prediction, answer.total, answer.decoding
    return [
        one.graph.model,
        one.device.name,
        one.running.precision,
        numbers.seconds(total.seconds),
        span(total),
        numbers.seconds(one.total.seconds) if decoding else "",
        numbers.seconds(decoding.step.seconds) if decoding else "",
        "" if decoding else rate(one.samples_per_second),
        rate(answer.tokens_per_second) if answer.tokens_per_second else "",
        total.bound,
        total.basis,
        hours(run.time) if run is not None else "",
        numbers.size(answer.memory.shown),
        "yes" if answer.memory.fits else "no",
    ]
