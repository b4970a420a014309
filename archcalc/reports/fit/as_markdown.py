"""The largest value within limits, in GitHub's markdown."""

from __future__ import annotations

from archcalc.quoting import markdown as escape
from archcalc.reports.fit.words import headers, headline, notes, rows
from archcalc.reports.tables import table
from archcalc.sweep.fit import Fit


def render(fit: Fit) -> str:
    """The sentence, a row for each limit, and what stops it."""
    return (
        f"### {escape(fit.model)}: {escape(headline(fit))}\n\n"
        + table(headers(fit), "lrrrr", rows(fit))
        + "".join(f"\n{escape(sentence)}.\n" for sentence in notes(fit))
    )
