"""`archcalc shapes --like`: how the comparison with another tool is made and printed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from archcalc.diagnostics import RequestError
from archcalc.network.load import Graph
from archcalc.peers import peer
from archcalc.peers.comparison import Comparison
from archcalc.terminal import show, wants_color, write


def refuse(given: dict[str, bool]) -> None:
    """Raises `RequestError` for the options of `shapes` that the comparison does not have."""
    for name, is_given in given.items():
        if is_given:
            raise RequestError(f"--like has a table of its own: leave out {name}")


def print_comparison(
    graphs: Sequence[Graph], like: str, several: bool, depth: int, expand: bool, format: str, color: str
) -> None:
    """Print the networks beside the tool `like`."""
    from archcalc.reports.peers import rows

    comparisons = [Comparison(graph, peer(like)) for graph in graphs]
    if format == "json":
        from archcalc.reports.peers import json

        write(json.dumps([(one, rows.layers(one, expand)) for one in comparisons], several))
    elif format == "csv":
        from archcalc.reports.peers import csv

        write(csv.networks((one, rows.layers(one, expand)) for one in comparisons))
    elif format == "markdown":
        from archcalc.reports.peers import markdown

        if several:
            write(markdown.several(comparisons))
        else:
            write(markdown.network(comparisons[0], rows.table(comparisons[0], depth, expand)))
    else:
        from archcalc.reports.peers import text

        rule = sys.stdout.isatty() or wants_color(color, sys.stdout)
        if several:
            show(text.several(comparisons, rule), color)
        else:
            show(text.network(comparisons[0], rows.table(comparisons[0], depth, expand), rule), color)
