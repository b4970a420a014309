"""A table of formulas for people or, if it does not fit, a few lines for each layer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from archcalc.reports.blocks import BOLD, DIM, NEWLINE, Block, Group, Page, Piece, Style
from archcalc.reports.closed_form.folding import WIDEST, folded, pieces
from archcalc.reports.closed_form.report import Report
from archcalc.reports.closed_form.rows import FormulaRow, formula_rows, memory, shape, totals, values
from archcalc.reports.columns import Column, Columns
from archcalc.reports.paragraphs import Heading, Wrapped
from archcalc.reports.shapes.totals import convention
from archcalc.symbolic.network import ClosedForm

_COLUMNS = tuple(Column(header, right=False) for header in ("layer", "output", "params", "MACs"))


class Folded:
    """A formula after its title, broken after a `·` or before a sign at the edge of the terminal."""

    def __init__(self, title: str, formula: str, tail: str = "", indent: int = 2, style: Style | None = None) -> None:
        self.title, self.formula, self.tail, self.indent, self.style = title, formula, tail, indent, style

    def pieces(self, page: Page) -> Iterator[Piece]:
        """The title and the formula, whose further lines begin under its first."""
        width = min(page.width, WIDEST)
        for line in folded(self.title, [*pieces(self.formula), self.tail], self.indent, width):
            yield line, self.style
            yield NEWLINE


class Rows:
    """The layers, as a table or one after the other."""

    def __init__(self, rows: list[FormulaRow]) -> None:
        self.rows = rows
        cells = [(["  " * row.level + row.label, row.output, row.params, row.macs], None) for row in rows]
        self.table = Columns(_COLUMNS, cells)

    def pieces(self, page: Page) -> Iterator[Piece]:
        """The table if all of it fits, else the layers one after the other."""
        width = min(page.width, WIDEST)
        if 2 * len(self.table.widths) + sum(self.table.widths) <= width:
            yield from self.table.pieces(page)
            return
        for row in self.rows:
            indent = 2 + 2 * min(row.level, 4)
            for line in folded("", pieces(row.label), indent, width):
                yield from _lines(line, None if row.level else BOLD)
            facts = (("", row.output), ("params ", row.params), ("MACs ", row.macs))
            for title, formula in facts:
                if formula:
                    yield from chain.from_iterable(
                        _lines(line, DIM) for line in folded(title, pieces(formula), indent + 2, width)
                    )


def _lines(text: str, style: Style | None) -> Iterator[Piece]:
    yield text, style
    yield NEWLINE


def render(report: Report) -> Block:
    """The rows of the network as formulas."""
    return network(report.form, formula_rows(report.form, report.rows()))


def network(form: ClosedForm, rows: list[FormulaRow]) -> Block:
    """Title, rows, totals, and the values for which they hold."""
    graph = form.costs.graph
    inputs = ", ".join((f"{name} " if name != "input" else "") + shape(form, x) for name, x in graph.inputs.items())
    head: list[Block] = [Heading(graph.model), Folded("input ", inputs, style=DIM)]
    conditions = form.conditions()
    if conditions:
        head.append(Wrapped(f"for {', '.join(conditions)}", DIM))
    runs = memory(form)
    sums = [*totals(form), *(run.total for run in runs)]
    longest = max(len(total.title) for total in sums)
    foot: list[Block] = []
    for total in sums:
        unit = f" {total.unit}" if total.unit else ""
        tail = "" if total.value in ("", total.formula) else f" = {total.value}"
        foot.append(Folded(f"{total.title:<{longest}}  ", total.formula + unit, tail))
    notes = [f"= at {values(form)}", *convention(form.costs)]
    if not any(run.total.title == "kept" for run in runs):
        notes.append("no formula of these names is known for what a training step keeps for backward")
    notes += [f"{run.what}: for {', '.join(run.further)}" for run in runs if run.further]
    return Group(*head, "", Rows(rows), "", *foot, "", *(Wrapped(note, DIM) for note in notes))
