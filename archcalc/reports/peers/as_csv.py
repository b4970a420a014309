"""Layers beside another tool's as CSV, one line each; empty if unknown."""

from __future__ import annotations

from archcalc.reports.peers.report import Report
from archcalc.reports.sheet import sheet

HEADER = ("model", "id", "op", "label", "count", "macs", "peer", "peer_macs", "params", "peer_params", "why")


def render(report: Report) -> str:
    """All layers of all networks, a header first."""
    lines: list[tuple[object, ...]] = []
    for comparison in report.comparisons:
        for one in report.layers(comparison):
            row, node = one.row, one.row.node
            assert node is not None
            ours = (comparison.graph.model, row.id, node.op, row.label, row.count, row.own.macs, comparison.peer.name)
            lines.append((*ours, one.macs, row.own.params, one.params, "; ".join(one.reasons)))
    return sheet(HEADER, lines)
