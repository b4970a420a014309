"""Layers beside another tool's as CSV, one line each; empty where it is not known."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from archcalc.peers.comparison import Comparison
from archcalc.reports.peers.rows import Beside

HEADER = ("model", "id", "op", "label", "count", "macs", "peer", "peer_macs", "params", "peer_params", "why")


def networks(tables: Iterable[tuple[Comparison, Iterable[Beside]]]) -> str:
    """All layers of all networks, a header first."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADER)
    for comparison, rows in tables:
        for one in rows:
            row, node = one.row, one.row.node
            assert node is not None
            ours = (comparison.graph.model, row.id, node.op, row.label, row.count, row.own.macs, comparison.peer.name)
            writer.writerow((*ours, one.macs, row.own.params, one.params, "; ".join(one.reasons)))
    return file.getvalue()
