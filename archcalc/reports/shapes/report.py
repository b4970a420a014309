"""What `archcalc shapes` found, for every form."""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.cost import Costs
from archcalc.reports.rows import Row, flat, largest, nested


class Report:
    """Networks, and which of their rows to show.

    Attributes:
        networks: read as they are printed, so that only one is in memory at a time.
        several: whether each is one row of a comparison.
        depth: how many levels of blocks are opened; expand: open all of them, with a row for every copy.
        sort, number: show this many of the largest layers, by this cost.
        formulas: show the formula of each parameter count.
        columns: the columns of the table; empty for the usual ones.
    """

    def __init__(
        self,
        networks: Iterable[Costs],
        several: bool = False,
        depth: int = 1,
        expand: bool = False,
        sort: str | None = None,
        number: int | None = None,
        formulas: bool = False,
        columns: tuple[str, ...] = (),
    ) -> None:
        self.networks = networks
        self.several = several
        self.depth = depth
        self.expand = expand
        self.sort = sort
        self.number = number
        self.formulas = formulas
        self.columns = columns

    def rows(self, costs: Costs) -> Iterable[Row]:
        """Rows for people: nested like the spec, or the largest first."""
        return self._largest(costs) or nested(costs, self.depth, self.expand)

    def layers(self, costs: Costs) -> Iterable[Row]:
        """Rows for machines: every layer on its own, or the largest first."""
        return self._largest(costs) or flat(costs, self.expand)

    def _largest(self, costs: Costs) -> list[Row]:
        if not self.sort and not self.number:
            return []
        return largest(costs, self.sort or "params", self.number, self.expand)
