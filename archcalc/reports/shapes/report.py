"""What `archcalc shapes` found, for every form."""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.cost import Costs
from archcalc.reports.rows import Row, flat, largest, nested


class Report:
    """Networks, and which of their rows are asked for.

    Attributes:
        networks: read as they are printed: of many, one is held at a time.
        several: whether each is one row of a comparison.
        depth: how many levels of blocks are opened; expand: all of them, with every copy for itself.
        sort, number: the largest layers by this cost, and how many of them.
        formulas: show how each parameter count is made.
        columns: which columns a table has; those that it usually has where none is named.
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
        """As people read them: nested as the spec is, or the largest first."""
        return self._largest(costs) or nested(costs, self.depth, self.expand)

    def layers(self, costs: Costs) -> Iterable[Row]:
        """As machines read them: every layer for itself, or the largest first."""
        return self._largest(costs) or flat(costs, self.expand)

    def _largest(self, costs: Costs) -> list[Row]:
        if not self.sort and not self.number:
            return []
        return largest(costs, self.sort or "params", self.number, self.expand)
