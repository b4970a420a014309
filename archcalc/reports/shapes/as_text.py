"""The table of a network for people, and the comparison of several."""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.cost import Costs
from archcalc.network.paths import depth
from archcalc.reports import numbers
from archcalc.reports.blocks import BOLD, DIM, Block, Gap, Group, Style
from archcalc.reports.columns import Column, Columns
from archcalc.reports.paragraphs import Line, Parts
from archcalc.reports.rows import Row
from archcalc.reports.shapes.report import Report
from archcalc.reports.shapes.totals import convention, footer

_LAYERS = (
    Column("layer", right=False),
    Column("output", right=False, rank=3),
    Column("params"),
    Column("%", rank=4),
    Column("MACs", rank=2),
    Column("element-wise", rank=7),
    Column("activations", rank=5),
    Column("parameters by formula", right=False, rank=6),
)


def render(report: Report) -> Block:
    """The rows of one network, or a row for each of several."""
    if report.several:
        return comparison(report.networks)
    (costs,) = report.networks
    return network(costs, report.rows(costs), report.formulas)


def network(costs: Costs, rows: Iterable[Row], formulas: bool = False) -> Block:
    """The table of one network: title, rows, totals and the counting convention."""
    graph = costs.graph
    sizes = ", ".join(
        (f"{name} " if name != "input" else "") + numbers.shape(x.shape) for name, x in graph.inputs.items()
    )
    title = Line(graph.model, f"input {sizes}, batch {graph.batch}")
    table = Columns(_LAYERS, (_cells(row, costs, formulas) for row in rows))
    return Group(title, "", table, Gap(), *footer(costs))


def _cells(row: Row, costs: Costs, formulas: bool) -> tuple[list[str], Style | None]:
    cost = row.cost
    label = "  " * row.level + row.label + (f"  ×{row.copies:,}" if row.copies > 1 else "")
    if row.node is not None and row.node.weights > 1:
        label += f"  ×{row.node.weights:,}"
    if row.node is not None and row.node.name:
        label += f"  ({row.node.name})"
    params = numbers.exact(cost.params) if cost.params else f"= {row.tied}" if row.tied else ""
    cells = [
        label,
        row.output,
        params,
        numbers.share(cost.params, costs.totals.params),
        numbers.column(cost.macs),
        "",
        numbers.size(cost.activation_bytes),
        _formula(row) if formulas else "",
    ]
    is_group = row.node is None or bool(row.node.children)
    return cells, BOLD if is_group and row.level == 0 and row.node is not None and row.node.block else None


def _formula(row: Row) -> str:
    """The row's parameters with its copies counted, so that it gives the number beside it."""
    if row.node is None or row.node.layer is None or not row.node.params:
        return ""
    from archcalc.derivation import parameter_formula  # formulas are asked for

    one = parameter_formula(row.node)
    copies = row.own.params // int(one)
    return (one if copies == 1 else one * copies).numbers()


_NETWORKS = (
    Column("model", right=False),
    Column("input", right=False, rank=4),
    Column("params"),
    Column("trainable", rank=1),
    Column("MACs"),
    Column("element-wise", rank=5),
    Column("activations", rank=2),
    Column("depth", rank=3),
)


def comparison(networks: Iterable[Costs]) -> Block:
    """A row for each network: its input and its totals."""
    rows: list[tuple[list[str], None]] = []
    notes = ["depth: layers with weights on the longest path"]
    for costs in networks:
        totals, graph = costs.totals, costs.graph
        if not rows:
            notes += convention(costs)[:2]
        inputs = ", ".join(numbers.shape(x.shape) for x in graph.inputs.values())
        rows.append(
            (
                [
                    graph.model,
                    inputs + (f", batch {graph.batch}" if graph.batch > 1 else ""),
                    numbers.short(totals.params),
                    (numbers.short(totals.trainable) or "0") if totals.frozen else "",
                    numbers.short(totals.macs),
                    numbers.short(totals.other_flops),
                    numbers.size(totals.activation_bytes),
                    str(depth(graph)),
                ],
                None,
            )
        )
    return Group(Columns(_NETWORKS, rows), Gap(), Parts(notes, DIM))
