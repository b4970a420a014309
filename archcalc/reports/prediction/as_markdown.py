"""A prediction in GitHub's markdown, for a pull request or a README."""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.prediction.answer import Answer
from archcalc.prediction.whole import Whole
from archcalc.quoting import markdown as escape
from archcalc.reports import numbers
from archcalc.reports.prediction import words
from archcalc.reports.prediction.comparison import COLUMNS, cells
from archcalc.reports.prediction.report import Report
from archcalc.reports.prediction.rows import TimedRow
from archcalc.reports.prediction.words import between, notes
from archcalc.reports.tables import table


def render(report: Report) -> str:
    """The layers of one prediction, or a row for each of several."""
    if report.several:
        return comparison(report)
    (answer,) = report.answers
    return network(answer, report.rows(answer), report.whole(answer))


def network(answer: Answer, rows: Iterable[TimedRow], run: Whole | None = None) -> str:
    """The layers of one prediction."""
    one, whole = answer.prediction, answer.total.seconds or 1.0
    lines = [
        f"### {escape(one.graph.model)} on {one.device.title}",
        "",
        f"{escape(str(one.running))}: {between(answer.total)}.",
        *([] if run is None else ["", f"{', '.join(words.whole(run))}."]),
        "",
        "| layer | time | share | waits for | known from |",
        "| --- | ---: | ---: | --- | --- |",
    ]
    for row in rows:
        time = row.total
        if time.seconds:
            level = row.row.level if row.row is not None else 0
            copies = f" ×{row.row.copies:,}" if row.row is not None and row.row.copies > 1 else ""
            cells = (
                "&emsp;" * level + escape(row.label) + copies,
                numbers.seconds(time.seconds),
                f"{100 * time.seconds / whole:.1f} %",
                time.bound,
                time.basis,
            )
            lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *(f"* {escape(note)}" for note in notes(answer))]
    return "\n".join(lines) + "\n"


def comparison(report: Report) -> str:
    """A row for each; empty columns are left out."""
    rows = [cells(answer, report.whole(answer)) for answer in report.answers]
    used = [index for index in range(len(COLUMNS)) if any(row[index] for row in rows)]
    return table(
        [COLUMNS[index].header for index in used],
        "".join("r" if COLUMNS[index].right else "l" for index in used),
        [[escape(row[index]) for index in used] for row in rows],
    )
