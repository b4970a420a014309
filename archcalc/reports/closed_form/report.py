"""What `archcalc shapes --symbolic` found, for every form."""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.reports.rows import Row, flat, largest, nested
from archcalc.symbolic.network import ClosedForm


class Report:
    """A network in formulas.

    Attributes:
        form: the closed form.
        depth: how many levels of blocks are opened.
        sort, number: show this many of the largest layers, by this cost.
    """

    def __init__(self, form: ClosedForm, depth: int = 1, sort: str | None = None, number: int | None = None) -> None:
        self.form = form
        self.depth = depth
        self.sort = sort
        self.number = number

    def rows(self) -> Iterable[Row]:
        """Rows for people: nested like the spec, or the largest first."""
        return self._largest() or nested(self.form.costs, self.depth)

    def layers(self) -> Iterable[Row]:
        """Rows for machines: every layer on its own, or the largest first."""
        return self._largest() or flat(self.form.costs)

    def _largest(self) -> list[Row]:
        if not self.sort and not self.number:
            return []
        return largest(self.form.costs, self.sort or "params", self.number)
