"""Exact integers, null if unknown.

`peer_macs` is in our unit; `peer_printed` is the number that the tool prints, `per_mac` of it for each
MAC. In `reasons` are MACs and parameters beyond ours; they add up to the difference.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archcalc.peers.comparison import Comparison
from archcalc.reports.documents import VERSION, one_or_several
from archcalc.reports.peers.report import Report
from archcalc.reports.peers.rows import Beside


def render(report: Report) -> str:
    """One network, or `specs` with several."""
    return one_or_several([_network(one, report.layers(one)) for one in report.comparisons], report.several)


def _network(comparison: Comparison, rows: Iterable[Beside]) -> dict[str, Any]:
    graph, peer, ours, tally = comparison.graph, comparison.peer, comparison.costs.totals, comparison.totals
    macs = comparison.macs
    return {
        "version": VERSION,
        "model": graph.model,
        "path": graph.path,
        "batch": graph.batch,
        "peer": {
            "name": peer.name,
            "version": peer.version,
            "call": peer.call,
            "unit": peer.unit,
            "per_mac": peer.factor,
        },
        "totals": {
            "macs": ours.macs,
            "peer_macs": macs,
            "peer_printed": None if macs is None else macs * peer.factor,
            "params": ours.params,
            "peer_params": comparison.params,
        },
        "reasons": [{"why": why, "macs": tally.macs[why], "params": tally.params[why]} for why in tally.reasons()],
        "layers": [_layer(one) for one in rows],
    }


def _layer(one: Beside) -> dict[str, Any]:
    row = one.row
    assert row.node is not None
    return {
        "id": row.id,
        "op": row.node.op,
        "label": row.label,
        "count": row.count,
        "macs": row.own.macs,
        "peer_macs": one.macs,
        "params": row.own.params,
        "peer_params": one.params,
        "reasons": [{"why": why, "macs": macs, "params": params} for why, (macs, params) in one.reasons.items()],
        "line": row.node.place.line,
        "column": row.node.place.column,
    }
