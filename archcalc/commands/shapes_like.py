"""`archcalc shapes --like`: how the comparison with another tool is made and printed."""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.commands.printing import emit
from archcalc.diagnostics import RequestError
from archcalc.network.load import Graph
from archcalc.peers import peer
from archcalc.peers.comparison import Comparison
from archcalc.reports.peers.report import Report


def refuse(given: dict[str, bool]) -> None:
    """Raises `RequestError` for the options of `shapes` that the comparison does not have."""
    for name, is_given in given.items():
        if is_given:
            raise RequestError(f"--like has a table of its own: leave out {name}")


def print_comparison(
    graphs: Sequence[Graph], like: str, several: bool, depth: int, expand: bool, format: str, color: str
) -> None:
    """Print the networks beside the tool `like`."""
    comparisons = [Comparison(graph, peer(like)) for graph in graphs]
    emit("peers", format, Report(comparisons, several, depth, expand), color)
