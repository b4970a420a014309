"""A prediction for people: the total, where the time goes, and how far to trust it."""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.prediction.answer import Answer
from archcalc.prediction.whole import Whole
from archcalc.reports import numbers
from archcalc.reports.blocks import BOLD, Block, Gap, Group, Style
from archcalc.reports.columns import Column, Columns
from archcalc.reports.paragraphs import Heading, Parts, Wrapped
from archcalc.reports.prediction.comparison import table
from archcalc.reports.prediction.report import Report
from archcalc.reports.prediction.rows import TimedRow
from archcalc.reports.prediction.words import headline, notes, sentence, whole
from archcalc.reports.running import lines

_COLUMNS = (
    Column("layer", right=False),
    Column("time"),
    Column("share", rank=2),
    Column("", right=False, rank=5),
    Column("forward", rank=6),
    Column("backward", rank=6),
    Column("prompt", rank=6),
    Column("tokens", rank=6),
    Column("waits for", right=False, rank=3),
    Column("known from", right=False, rank=4),
    Column("FLOP/s", rank=7),
)
_BAR = 20


def render(report: Report) -> Block:
    """The layers of one prediction, or a row for each of several."""
    if report.several:
        return table(report)
    (answer,) = report.answers
    return network(answer, report.rows(answer), report.whole(answer))


def network(answer: Answer, rows: Iterable[TimedRow], run: Whole | None = None) -> Block:
    """Title, headline, table, and where the numbers are from."""
    one = answer.prediction
    return Group(
        Heading(f"{one.graph.model} on {one.device.title}"),
        *(Wrapped(warning, BOLD) for warning in answer.warnings),
        *(Wrapped(line) for line in lines([one.running])),
        *(Parts(facts, BOLD if index == 0 else None) for index, facts in enumerate(headline(answer))),
        *([] if run is None else [Parts(whole(run), BOLD)]),
        "",
        Columns(_COLUMNS, [_row(row, answer) for row in rows]),
        Gap(),
        *(sentence(note) for note in notes(answer)),
    )


def _row(row: TimedRow, answer: Answer) -> tuple[list[str], Style | None]:
    one, whole = row.total, answer.total.seconds or 1.0
    share = one.seconds / whole
    train, generating = answer.prediction.running.trains, answer.decoding is not None
    flops = row.row.cost.flops if row.row is not None and not train and not generating else 0
    return [
        _label(row),
        numbers.seconds(one.seconds) if one.seconds else "",
        f"{100 * share:.1f} %" if one.seconds else "",
        "█" * round(share * _BAR),
        *(
            numbers.seconds(each.seconds) if each.seconds and shown else ""
            for each, shown in (
                (row.forward, train),
                (row.backward, train and row.row is not None),
                (row.forward, generating),
                (row.steps, generating),
            )
        ),
        one.bound,
        one.basis + (f" {100 * one.share(one.basis):.0f} %" if one.share(one.basis) < 0.995 and one.seconds else ""),
        numbers.with_unit(round(flops / one.seconds), "").rstrip() if flops and one.seconds else "",
    ], None


def _label(row: TimedRow) -> str:
    if row.row is None:
        return row.label
    label = "  " * row.row.level + row.label
    copies = row.row.count if row.row.level == 0 else row.row.copies
    name = row.row.node.name if row.row.node is not None else None
    return label + (f"  ×{copies:,}" if copies > 1 else "") + (f"  ({name})" if name else "")
