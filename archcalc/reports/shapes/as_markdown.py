"""The table of a network in GitHub's markdown, and the comparison of several."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from archcalc.cost import Costs
from archcalc.network.paths import depth
from archcalc.quoting import markdown as escape
from archcalc.reports import numbers
from archcalc.reports.rows import Row
from archcalc.reports.shapes.columns import columns, label
from archcalc.reports.shapes.report import Report
from archcalc.reports.tables import table

_USUAL = ("output", "params", "macs", "activations")


def render(report: Report) -> str:
    """The rows of one network, or a row for each of several."""
    if report.several:
        return comparison(report.networks)
    (costs,) = report.networks
    return network(costs, report.rows(costs), report.columns or _USUAL)


def network(costs: Costs, rows: Iterable[Row], names: Sequence[str]) -> str:
    """One network: its rows, its totals in the last one."""
    totals = costs.totals
    shown = columns(names, costs)
    lines = [
        (
            "&emsp;" * row.level + escape(re.sub(" {2,}", " ", label(row).strip())),
            *(escape(one.cell(row)) for one in shown),
        )
        for row in rows
    ]
    last = ("**total**", *(f"**{one.total}**" if one.total else "" for one in shown))
    inputs = ", ".join(numbers.shape(x.shape) for x in costs.graph.inputs.values())
    active = f" {numbers.exact(totals.active_params)} parameters are active for each position."
    if totals.active_params == totals.params:
        active = ""
    trained = f" {numbers.exact(totals.trainable)} parameters are trainable." if totals.frozen else ""
    if costs.declared.layers:
        trained += f" {numbers.exact(costs.declared.params)} of them are declared, and not computed."
    heading = f"### {escape(costs.graph.model)}\n\nInput {inputs}, batch {costs.graph.batch}.{active}{trained}\n\n"
    header = ("layer", *(one.header for one in shown))
    return heading + table(header, "l" + "".join("r" if one.right else "l" for one in shown), [*lines, last])


def comparison(networks: Iterable[Costs]) -> str:
    """A row for each network."""
    lines = [
        (
            escape(costs.graph.model),
            ", ".join(numbers.shape(x.shape) for x in costs.graph.inputs.values()),
            numbers.short(costs.totals.params),
            numbers.short(costs.totals.macs),
            numbers.size(costs.totals.activation_bytes),
            str(depth(costs.graph)),
        )
        for costs in networks
    ]
    return table(("model", "input", "params", "MACs", "activations", "depth"), "llrrrr", lines)
