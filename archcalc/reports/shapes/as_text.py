"""The table of a network for people, and the comparison of several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from archcalc.cost import Costs
from archcalc.network.paths import depth
from archcalc.reports import numbers
from archcalc.reports.blocks import BOLD, DIM, Block, Gap, Group, Style
from archcalc.reports.columns import Column, Columns
from archcalc.reports.paragraphs import Line, Parts
from archcalc.reports.rows import Row
from archcalc.reports.shapes.columns import USUAL, columns, label
from archcalc.reports.shapes.report import Report
from archcalc.reports.shapes.totals import convention, footer


def render(report: Report) -> Block:
    """The rows of one network, or a row for each of several."""
    if report.several:
        return comparison(report.networks)
    (costs,) = report.networks
    return network(costs, report.rows(costs), report.formulas, report.columns)


def network(costs: Costs, rows: Iterable[Row], formulas: bool = False, names: Sequence[str] = ()) -> Block:
    """The table of one network: title, rows, totals and the counting convention; columns named by the user are kept."""
    graph = costs.graph
    sizes = ", ".join(
        (f"{name} " if name != "input" else "") + numbers.shape(x.shape) for name, x in graph.inputs.items()
    )
    title = Line(graph.model, f"input {sizes}, batch {graph.batch}")
    chosen = (*(names or USUAL), *(["formula"] if formulas and "formula" not in names else []))
    shown = columns(chosen, costs)
    header = [Column("layer", right=False), *(one.column for one in shown)]
    cells = (([label(row), *(one.cell(row) for one in shown)], _style(row)) for row in rows)
    below = set(chosen) if names else {"formula"}
    stays = [index for index, name in enumerate(chosen, 1) if name in below]
    return Group(title, "", Columns(header, cells, stays=stays), Gap(), *footer(costs))


def _style(row: Row) -> Style | None:
    is_group = row.node is None or bool(row.node.children)
    return BOLD if is_group and row.level == 0 and row.node is not None and row.node.block else None


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
