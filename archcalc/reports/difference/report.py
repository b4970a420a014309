"""What all forms of a comparison are made from."""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.difference.compare import Difference


class Report:
    """A run of `archcalc diff`.

    Attributes:
        differences: a pair of networks each.
        folders: whether they are those of two folders.
    """

    def __init__(self, differences: Sequence[Difference], folders: bool = False) -> None:
        self.differences = differences
        self.folders = folders
