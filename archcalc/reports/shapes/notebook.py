"""The table of a network for a notebook."""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.cost import Costs
from archcalc.quoting import xml
from archcalc.reports import numbers
from archcalc.reports.rows import Row

_HEADER = ("layer", "output", "params", "MACs", "activations")


def network(costs: Costs, rows: Iterable[Row]) -> str:
    """A plain table; the notebook's own style applies."""
    totals = costs.totals
    head = "".join(f"<th>{name}</th>" for name in _HEADER)
    body = "".join(_row(row) for row in rows)
    total = _cells(
        "total",
        "",
        numbers.exact(totals.params),
        numbers.column(totals.macs),
        numbers.size(totals.activation_bytes),
        "th",
    )
    inputs = ", ".join(numbers.shape(x.shape) for x in costs.graph.inputs.values())
    trained = f", {totals.trainable:,} parameters trainable" if totals.frozen else ""
    caption = f"<caption>{xml(costs.graph.model)}: input {inputs}, batch {costs.graph.batch}{trained}</caption>"
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody><tfoot><tr>{total}</tr></tfoot></table>"


def _row(row: Row) -> str:
    label = "&emsp;" * row.level + xml(row.label) + (f" ×{row.copies:,}" if row.copies > 1 else "")
    params = numbers.exact(row.cost.params) if row.cost.params else f"= {xml(row.tied)}" if row.tied else ""
    cells = _cells(
        label, row.output, params, numbers.column(row.cost.macs), numbers.size(row.cost.activation_bytes), "td"
    )
    return f"<tr>{cells}</tr>"


def _cells(label: str, output: str, params: str, macs: str, size: str, tag: str) -> str:
    left, right = (f'<{tag} style="text-align:{side}">' for side in ("left", "right"))
    texts = [f"{left}{text}</{tag}>" for text in (label, output)]
    return "".join(texts + [f"{right}{text}</{tag}>" for text in (params, macs, size)])
