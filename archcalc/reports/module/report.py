"""What `archcalc build` writes, for every form."""

from __future__ import annotations

from collections.abc import Callable

from archcalc.network.load import Graph


class Report:
    """A network, and how its source is written where that is asked for."""

    def __init__(self, graph: Graph, source: Callable[[Graph], str]) -> None:
        self.graph = graph
        self.source = source
