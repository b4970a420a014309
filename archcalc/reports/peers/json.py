"""The JSON form of `archcalc shapes --like`: exact integers, null where it is not known, version 1.

`peer_macs` is in our unit; `peer_printed` is the number that the tool prints, `per_mac` of it for each
MAC. In `reasons` are MACs and parameters beyond ours; they add up to the difference.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from archcalc.peers.comparison import Comparison
from archcalc.reports.peers.rows import Beside

VERSION = 1


def dumps(networks: Sequence[tuple[Comparison, Iterable[Beside]]], several: bool) -> str:
    """One network, or `specs` with several."""
    documents = [_network(comparison, rows) for comparison, rows in networks]
    document = {"version": VERSION, "specs": documents} if several else documents[0]
    return json.dumps(document, ensure_ascii=False) + "\n"


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
