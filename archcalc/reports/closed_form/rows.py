"""The rows of a table of formulas, as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archcalc.cost import DTYPE_BYTES
from archcalc.layers.tensor import Tensor
from archcalc.reports import numbers
from archcalc.reports.rows import Row
from archcalc.symbolic.network import BATCH, ClosedForm


@dataclass
class FormulaRow:
    """One line: a layer's output and its costs, empty where they are 0."""

    level: int
    label: str
    output: str
    params: str
    macs: str


def formula_rows(form: ClosedForm, rows: Iterable[Row]) -> list[FormulaRow]:
    """The rows of a report in formulas."""
    return [_row(form, row) for row in rows]


def _row(form: ClosedForm, row: Row) -> FormulaRow:
    label = row.label
    node = row.node
    if int(row.copies) > 1:
        label += f"  ×{form.factor(row.copies)}"
    if node is not None and int(node.weights) > 1:
        label += f"  ×{form.factor(node.weights)}"
    if node is not None and node.name:
        label += f"  ({node.name})"
    cost = row.cost
    params = form.formula(cost.params) if int(cost.params) else f"= {row.tied}" if row.tied else ""
    macs = form.formula(cost.macs) if int(cost.macs) else ""
    return FormulaRow(row.level, label, shape(form, node.output) if node else "", params, macs)


def shape(form: ClosedForm, x: Tensor) -> str:
    """`[batch, seq, 768]`, with the batch if it is one of the names and the tensor has it."""
    lead = [BATCH] if form.has_batch and x.batched else []
    return f"[{', '.join([*lead, *map(form.size, x.shape)])}]"


@dataclass
class Total:
    """A sum over the network: its formula, its value at the spec's own sizes, and what it counts."""

    title: str
    formula: str
    value: str
    unit: str


def totals(form: ClosedForm) -> list[Total]:
    """Parameters, operations and bytes of the whole network."""
    costs = form.costs
    every = costs.totals
    of_parameters = every.params * DTYPE_BYTES[costs.dtype]
    found = [
        ("parameters", every.params, numbers.exact, ""),
        ("trainable", every.trainable if int(every.frozen) else 0, numbers.exact, ""),
        ("buffers", every.buffers, numbers.exact, ""),
        ("MACs", every.macs, numbers.exact, ""),
        ("element-wise", every.other_flops, numbers.exact, "FLOPs"),
        ("weights", of_parameters, numbers.size, f"bytes in {costs.dtype}"),
        ("activations", every.activation_bytes, numbers.size, f"bytes in {costs.dtype}"),
    ]
    return [
        Total(title, form.formula(number), write(int(number)) or "0", unit)
        for title, number, write, unit in found
        if int(number) or title not in ("buffers", "trainable") or (title == "trainable" and int(every.frozen))
    ]


@dataclass
class Memory:
    """Bytes of a run as a total, and the conditions of its formula in addition to those of the form."""

    total: Total
    what: str
    further: list[str]


def memory(form: ClosedForm) -> list[Memory]:
    """What a training step saves for backward, and the cache in generation, if they have formulas."""
    dtype = form.costs.dtype
    kept = form.kept()
    return [
        Memory(
            Total(
                title,
                form.text.write(found.expression),
                numbers.size(found.value) if found.value else "",
                f"bytes {purpose} in {dtype}",
            ),
            what,
            form.further(found),
        )
        for title, what, purpose, found in (
            ("kept", "kept for backward", "for backward", kept),
            ("otherwise", "otherwise", "for backward", kept and kept.otherwise),
            ("cache", "cache", "when all is generated", form.cache()),
        )
        if found is not None
    ]


def values(form: ClosedForm) -> str:
    """The values that the spec gives: `seq=1024 width=768`."""
    return " ".join(f"{name}={value}" for name, value in form.names.items())
