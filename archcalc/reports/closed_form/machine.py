"""Closed forms for machines: formulas as Python evaluates them on whole numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from archcalc.cost import DTYPE_BYTES, Cost
from archcalc.quoting import markdown as escape
from archcalc.reports import markdown as markdown_tables
from archcalc.reports.closed_form.rows import FormulaRow, memory, totals, values
from archcalc.reports.csv import HEADER
from archcalc.reports.rows import Row
from archcalc.reports.sheet import sheet
from archcalc.symbolic.conditions import written
from archcalc.symbolic.memory import Bytes
from archcalc.symbolic.network import ClosedForm


def data(form: ClosedForm, rows: Iterable[Row]) -> dict[str, Any]:
    """As the JSON of `shapes`, a text for each number; `values` are those of the spec."""
    graph, sums = form.costs.graph, form.costs.totals
    return {
        "version": 1,
        "model": graph.model,
        "path": graph.path,
        "values": form.names,
        "conditions": form.conditions(python=True),
        "attention": "useful" if form.costs.useful else "dense",
        "input": {name: [form.code(size) for size in x.shape] for name, x in graph.inputs.items()},
        "output": {name: [form.code(size) for size in y.shape] for name, y in graph.outputs.items()},
        "totals": {
            **_costs(form, sums),
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


def _costs(form: ClosedForm, cost: Cost) -> dict[str, str]:
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
        **_costs(form, row.own),
        "line": node.place.line,
        "column": node.place.column,
        **({"tied": row.tied} if node.tied else {}),
    }


def csv(form: ClosedForm, rows: Iterable[Row]) -> str:
    """The columns of `shapes`, a formula for each number."""
    lines = []
    for row in rows:
        node, cost = row.node, _costs(form, row.own)
        output = ", ".join(form.code(size) for size in node.output.shape) if node else ""
        lines.append(
            (
                form.costs.graph.model,
                row.id,
                node.op if node else "",
                row.label,
                f"[{output}]" if node else "",
                form.code(row.count),
                *(cost[name] for name in HEADER[6:]),
            )
        )
    return sheet(HEADER, lines)


def markdown(form: ClosedForm, rows: Iterable[FormulaRow]) -> str:
    """Two tables: the layers, and the totals with their values."""
    lines = [
        ("&emsp;" * row.level + escape(row.label), escape(row.output), escape(row.params), escape(row.macs))
        for row in rows
    ]
    runs = memory(form)
    counted = [*totals(form), *(run.total for run in runs)]
    sums = [(f"{total.title} {total.unit}".strip(), escape(total.formula), total.value) for total in counted]
    further = "".join(
        f"\n{run.what.capitalize()}: for {escape(', '.join(run.further))}.\n" for run in runs if run.further
    )
    conditions = f"For {escape(', '.join(form.conditions()))}.\n\n" if form.conditions() else ""
    return (
        f"### {escape(form.costs.graph.model)}\n\n{conditions}"
        + markdown_tables.table(("layer", "output", "params", "MACs"), "llll", lines)
        + "\n"
        + markdown_tables.table(("total", "formula", escape(f"at {values(form)}")), "llr", sums)
        + further
    )
