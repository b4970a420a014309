"""A spec to be checked."""

from __future__ import annotations

from dataclasses import dataclass

from archcalc.diagnostics import Source
from archcalc.network.load import Graph, build_graph


@dataclass(frozen=True)
class Case:
    """The text of a spec, and how it is run.

    `seed` is what further choices of a check are drawn from. `whole`: a check that would try a part
    of what there is to try, tries all of it.
    """

    text: str
    batch: int = 2
    variant: str | None = None
    seed: int = 0
    whole: bool = False

    def graph(self) -> Graph:
        """Its graph. Raises `SpecError` where it is not valid."""
        return build_graph(Source("drawn.yaml", self.text), self.variant, batch=self.batch)
