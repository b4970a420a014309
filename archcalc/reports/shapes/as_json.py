"""Exact integers, the unit in the key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archcalc.cost import DTYPE_BYTES, Costs
from archcalc.network.paths import fields
from archcalc.reports.documents import VERSION, one_or_several
from archcalc.reports.receptive import field_data
from archcalc.reports.rows import Row, tensors
from archcalc.reports.shapes.report import Report


def render(report: Report) -> str:
    """One network, or `specs` with several."""
    return one_or_several([network(costs, report.layers(costs)) for costs in report.networks], report.several)


def network(costs: Costs, rows: Iterable[Row]) -> dict[str, Any]:
    """One network. Every total is the sum over its layers; a layer's numbers are those of all its copies."""
    graph, totals = costs.graph, costs.totals
    seen = fields(graph)
    return {
        "version": VERSION,
        "model": graph.model,
        "path": graph.path,
        "batch": graph.batch,
        "attention": "useful" if costs.useful else "dense",
        "input": {name: tensors((x,))[0] for name, x in graph.inputs.items()},
        "output": {name: tensors((y,))[0] for name, y in graph.outputs.items()},
        "totals": {
            "params": totals.params,
            "trainable_params": totals.trainable,
            "frozen_params": totals.frozen,
            "active_params": totals.active_params,
            "buffers": totals.buffers,
            "macs": totals.macs,
            "flops": totals.flops,
            "other_flops": totals.other_flops,
            "activation_bytes": totals.activation_bytes,
            "param_bytes": {name: totals.params * size for name, size in DTYPE_BYTES.items()},
        },
        **_declared(costs),
        "layers": [_layer(row, seen) for row in rows if row.node is not None],
    }


def _declared(costs: Costs) -> dict[str, Any]:
    """The part of the totals that is declared in the spec; MACs are null if some are unknown."""
    found = costs.declared
    if not found.layers:
        return {}
    macs = None if found.unknown else found.macs
    return {"declared": {"layers": found.layers, "params": found.params, "macs": macs}}


def _layer(row: Row, seen: dict[int, Any]) -> dict[str, Any]:
    node = row.node
    assert node is not None
    layer = {
        "id": row.id,
        "op": node.op,
        "label": row.label,
        "input": tensors(node.inputs),
        "output": tensors((node.output,))[0],
        "count": row.count,
        "params": row.own.params,
        "trainable_params": row.own.trainable,
        "frozen_params": row.own.frozen,
        "active_params": row.own.active_params,
        "buffers": row.own.buffers,
        "macs": row.own.macs,
        "flops": row.own.flops,
        "other_flops": row.own.other_flops,
        "activation_bytes": row.own.activation_bytes,
        **field_data(seen.get(id(node.exit))),
        "line": node.place.line,
        "column": node.place.column,
    }
    if node.tied:
        layer["tied"] = row.tied
    return layer
