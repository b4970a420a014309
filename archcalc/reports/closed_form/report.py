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
        sort, number: the largest layers by this cost, and how many of them.
    """

    def __init__(self, form: ClosedForm, depth: int = 1, sort: str | None = None, number: int | None = None) -> None:
        self.form = form
        self.depth = depth
        self.sort = sort
        self.number = number

    def rows(self) -> Iterable[Row]:
        """As people read them: nested as the spec is, or the largest first."""
        return self._largest() or nested(self.form.costs, self.depth)

    def layers(self) -> Iterable[Row]:
        """As machines read them: every layer for itself, or the largest first."""
        return self._largest() or flat(self.form.costs)

    def _largest(self) -> list[Row]:
        if not self.sort and not self.number:
            return []
        return largest(self.form.costs, self.sort or "params", self.number)
