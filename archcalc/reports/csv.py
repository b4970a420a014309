"""Layers as CSV, one line each, exact integers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from archcalc.cost import Costs
from archcalc.reports.numbers import shape
from archcalc.reports.rows import Row

HEADER = (
    "model",
    "id",
    "op",
    "label",
    "output",
    "count",
    "params",
    "buffers",
    "macs",
    "other_flops",
    "activation_bytes",
)


def networks(tables: Iterable[tuple[Costs, Iterable[Row]]]) -> str:
    """All layers of all networks, a header first."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    for costs, rows in tables:
        for row in rows:
            cost, node = row.own, row.node
            writer.writerow(
                (
                    costs.graph.model,
                    row.id,
                    node.op if node else "",
                    row.label,
                    shape(node.output.shape) if node else "",
                    row.count,
                    cost.params,
                    cost.buffers,
                    cost.macs,
                    cost.other_flops,
                    cost.activation_bytes,
                )
            )
    return file.getvalue()
