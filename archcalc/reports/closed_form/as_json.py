"""Formulas as Python evaluates them on whole numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archcalc.cost import DTYPE_BYTES, Cost
from archcalc.reports.closed_form.report import Report
from archcalc.reports.documents import VERSION, dumps
from archcalc.reports.rows import Row
from archcalc.symbolic.conditions import written
from archcalc.symbolic.memory import Bytes
from archcalc.symbolic.network import ClosedForm


def render(report: Report) -> str:
    """As the JSON of `shapes`, a text for each number; `values` are those of the spec."""
    return dumps(data(report.form, report.layers()))


def data(form: ClosedForm, rows: Iterable[Row]) -> dict[str, Any]:
    """The document."""
    graph, sums = form.costs.graph, form.costs.totals
    return {
        "version": VERSION,
        "model": graph.model,
        "path": graph.path,
        "values": form.names,
        "conditions": form.conditions(python=True),
        "attention": "useful" if form.costs.useful else "dense",
        "input": {name: [form.code(size) for size in x.shape] for name, x in graph.inputs.items()},
        "output": {name: [form.code(size) for size in y.shape] for name, y in graph.outputs.items()},
        "totals": {
            **costs_of(form, sums),
            "param_bytes": {name: form.code(sums.params * size) for name, size in DTYPE_BYTES.items()},
        },
        # What a training step keeps for backward, and what layers keep while generating; null without a formula.
        "kept": _memory(form, form.kept()),
        "cache": _memory(form, form.cache()),
        "layers": [_layer(form, row) for row in rows if row.node is not None],
    }


def _memory(form: ClosedForm, found: Bytes | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "bytes": form.python.write(found.expression),
        "dtype": form.costs.dtype,
        "conditions": written(found.domain, form.python, found.fixed),
        **({"otherwise": _memory(form, found.otherwise)} if found.otherwise else {}),
    }


def costs_of(form: ClosedForm, cost: Cost) -> dict[str, str]:
    """The formula of each cost, by its key."""
    numbers = {
        "params": cost.params,
        "trainable_params": cost.trainable,
        "frozen_params": cost.frozen,
        "buffers": cost.buffers,
        "macs": cost.macs,
        "flops": cost.flops,
        "other_flops": cost.other_flops,
        "activation_bytes": cost.activation_bytes,
    }
    return {name: form.code(number) for name, number in numbers.items()}


def _layer(form: ClosedForm, row: Row) -> dict[str, Any]:
    node = row.node
    assert node is not None
    return {
        "id": row.id,
        "op": node.op,
        "label": row.label,
        "input": [[form.code(size) for size in x.shape] for x in node.inputs],
        "output": [form.code(size) for size in node.output.shape],
        "count": form.code(row.count),
        **costs_of(form, row.own),
        "line": node.place.line,
        "column": node.place.column,
        **({"tied": row.tied} if node.tied else {}),
    }
