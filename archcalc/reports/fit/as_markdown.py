"""The largest value within limits, in GitHub's markdown."""

from __future__ import annotations

from archcalc.quoting import markdown as escape
from archcalc.reports.fit.report import Report
from archcalc.reports.fit.words import columns, comparison, headers, headline, notes, remarks, rows
from archcalc.reports.tables import table


def render(report: Report) -> str:
    """The sentence, a row for each limit, and what stops it; or a row for each combination of run settings."""
    if report.axes:
        names = columns(report)
        return (
            f"### {escape(report.model)}: the largest {escape(report.name)}\n\n"
            + table(names, "l" * len(report.axes) + "r" * (len(names) - len(report.axes)), comparison(report))
            + "".join(f"\n* {escape(sentence)}" for sentence in remarks(report))
            + "\n"
        )
    fit = report.found[0]
    return (
        f"### {escape(fit.model)}: {escape(headline(fit))}\n\n"
        + table(headers(fit), "lrrrr", rows(fit))
        + "".join(f"\n{escape(sentence)}.\n" for sentence in notes(fit))
    )
