"""The names and shapes of the parameters, as they are in the module's state dict."""

from __future__ import annotations

from archcalc.network.bounds import check_copies
from archcalc.network.parameters import named_parameters
from archcalc.reports.module.report import Report
from archcalc.reports.numbers import shape


def render(report: Report) -> str:
    """A line for each. Raises `RequestError` if there are too many."""
    check_copies(report.graph, "--format state-dict")
    return "".join(f"{name}  {shape(sizes)}\n" for name, sizes in named_parameters(report.graph.nodes))
