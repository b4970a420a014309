"""What `archcalc memory` found, for every form."""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.memory.assessment import Assessment


class Report:
    """The memory of networks.

    Attributes:
        answers: computed as they are printed, so that only one network is in memory at a time.
        several: whether each is one row of a comparison.
        layers: how many layers are listed for each mode.
    """

    def __init__(self, answers: Iterable[Assessment], several: bool = False, layers: int = 5) -> None:
        self.answers = answers
        self.several = several
        self.layers = layers
