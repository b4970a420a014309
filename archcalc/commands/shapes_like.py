"""`archcalc shapes --like`: makes and prints the comparison with another tool."""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.commands.printing import emit
from archcalc.diagnostics import RequestError
from archcalc.network.load import Graph
from archcalc.peers import peer
from archcalc.peers.comparison import Comparison
from archcalc.reports.peers.report import Report


def refuse(given: dict[str, bool]) -> None:
    """Raises `RequestError` for options of `shapes` that the comparison does not support."""
    for name, is_given in given.items():
        if is_given:
            raise RequestError(f"--like has its own table: leave out {name}")


def print_comparison(
    graphs: Sequence[Graph], like: str, several: bool, depth: int, expand: bool, format: str, color: str
) -> None:
    """Print the networks next to the tool `like`."""
    comparisons = [Comparison(graph, peer(like)) for graph in graphs]
    emit("peers", format, Report(comparisons, several, depth, expand), color)
