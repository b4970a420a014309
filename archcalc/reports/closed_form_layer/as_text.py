"""The formulas of layers for people."""

from __future__ import annotations

from archcalc.reports.blocks import Block, Laid
from archcalc.reports.closed_form.folding import WIDEST, folded, pieces
from archcalc.reports.closed_form_layer.report import FormulaExplanation, Report
from archcalc.reports.paragraphs import NO_BREAK


def render(report: Report) -> Block:
    """One after the other."""
    return Laid(lambda page: "\n".join(_layer(one, page.width) for one in report.explanations))


def _layer(one: FormulaExplanation, width: int) -> str:
    """Lines of at most `width` characters, broken inside formulas if necessary."""
    rows = list(one.rows())
    longest = max(len(title) for title, _, _ in rows)
    lines = [one.title, ""]
    for title, formula, note in rows:
        fits = 2 + longest + 3 + len(note) <= width
        lines += folded(
            f"{title:<{longest}}   ",
            [*pieces(formula), f"   {note}" if note and fits else ""],
            2,
            min(width, WIDEST),
        )
    return "\n".join(lines).replace(NO_BREAK, " ") + "\n"
