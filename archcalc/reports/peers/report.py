"""What `archcalc shapes --like` found, for every form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archcalc.peers.comparison import Comparison
from archcalc.reports.peers.rows import Beside, layers, table


class Report:
    """Networks beside another tool.

    Attributes:
        comparisons: of each network.
        several: whether each is one row.
        depth: how many levels of blocks are opened; expand: all of them, with every copy for itself.
    """

    def __init__(
        self, comparisons: Sequence[Comparison], several: bool = False, depth: int = 1, expand: bool = False
    ) -> None:
        self.comparisons = comparisons
        self.several = several
        self.depth = depth
        self.expand = expand

    def rows(self, comparison: Comparison) -> Iterator[Beside]:
        """As people read them."""
        return table(comparison, self.depth, self.expand)

    def layers(self, comparison: Comparison) -> Iterator[Beside]:
        """As machines read them."""
        return layers(comparison, self.expand)
