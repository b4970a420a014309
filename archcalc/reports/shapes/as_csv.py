"""Layers as CSV, one line each, exact integers."""

from __future__ import annotations

from archcalc.reports.numbers import shape
from archcalc.reports.shapes.report import Report
from archcalc.reports.sheet import sheet

HEADER = (
    "model",
    "id",
    "op",
    "label",
    "output",
    "count",
    "params",
    "trainable_params",
    "buffers",
    "macs",
    "other_flops",
    "activation_bytes",
)


def render(report: Report) -> str:
    """All layers of all networks, a header first."""
    lines = []
    for costs in report.networks:
        for row in report.layers(costs):
            cost, node = row.own, row.node
            lines.append(
                (
                    costs.graph.model,
                    row.id,
                    node.op if node else "",
                    row.label,
                    shape(node.output.shape) if node else "",
                    row.count,
                    cost.params,
                    cost.trainable,
                    cost.buffers,
                    cost.macs,
                    cost.other_flops,
                    cost.activation_bytes,
                )
            )
    return sheet(HEADER, lines)
