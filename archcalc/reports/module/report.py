"""What `archcalc build` writes, for every form."""

from __future__ import annotations

from collections.abc import Callable

from archcalc.network.load import Graph


class Report:
    """A network, and how to write its source."""

    def __init__(self, graph: Graph, source: Callable[[Graph], str]) -> None:
        self.graph = graph
        self.source = source
