"""One layer's numbers as formulas of chosen names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from archcalc.cost import DTYPE_BYTES
from archcalc.derivation import derive
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node
from archcalc.quantity import Quantity, names, product
from archcalc.records import NamedTuple
from archcalc.reports.closed_form.rows import shape, values
from archcalc.reports.paragraphs import NO_BREAK
from archcalc.symbolic.network import ClosedForm


class FormulaExplanation:
    """The formulas of one layer.

    Numbers are for one copy and all samples; `plain` is the same layer on plain numbers. `valued` says
    whether the names have real values, so that numbers are worth showing.
    """

    def __init__(
        self, form: ClosedForm, node: Node, plain: Node, title: str | None = None, valued: bool = True
    ) -> None:
        self.form, self.node, self.valued = form, node, valued
        self.title = title or f"{node.id}   {node.label}"
        derived = derive(plain)
        runs = node.exit.samples(form.costs.graph.batch)
        own = sum(product(sizes) for sizes in node.params.values())
        elements = 0 if node.is_view else product(node.exit.shape) * runs
        # Facts whose formulas use the names of the layer's own arguments and sizes.
        self.facts: list[tuple[str, str, int, str]] = [
            ("parameters", "parameters", own, _names(derived.parameters) if own else ""),
            ("MACs", "macs", node.macs * runs, _names(derived.macs)),
            ("element-wise", "other_flops", node.other_flops * runs, "FLOPs"),
            ("activations", "activation_bytes", elements * DTYPE_BYTES[form.costs.dtype], "bytes"),
        ]

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """Rows of a title, a formula, and its meaning or unit."""
        node, form = self.node, self.form
        for title, x in node.titled_inputs:
            yield title, shape(form, x), ""
        yield "output", shape(form, node.output), ""
        for name, tensor in (node.output.outputs or {}).items():
            yield f"output .{name}", shape(form, tensor), ""
        for name, sizes in node.params.items():
            yield name, _sizes(form, sizes), ""
        for name, owner in node.tied.items():
            yield name, f"the {name} of {owner.id}", ""
        for name, sizes in node.buffers.items():
            yield name, _sizes(form, sizes) or "1", "buffer, not learned"
        for title, _, number, note in self.facts:
            if int(number) or title == "parameters":
                formula = form.formula(number)
                if self.valued and formula != f"{int(number):,}":
                    formula += f" ={NO_BREAK}{int(number):,}"
                yield title, formula, note
        if int(node.copies) > 1:
            yield "copies", form.formula(node.copies), "numbers are for one copy"
        if form.conditions():
            yield "for", ", ".join(form.conditions()), ""
        if self.valued:
            yield "at", values(form), ""

    def data(self) -> dict[str, Any]:
        """Formulas as Python evaluates them."""
        form, node = self.form, self.node

        def sizes(x: Tensor) -> list[str]:
            return [form.code(size) for size in x.shape]

        return {
            "id": node.id,
            "op": node.op,
            "label": node.label,
            "input": [sizes(x) for x in node.inputs if x.rank],
            "output": sizes(node.output),
            "shapes": {name: [form.code(size) for size in own] for name, own in node.params.items()},
            "tied": {name: owner.id for name, owner in node.tied.items()},
            "copies": form.code(node.copies),
            **{key: {"formula": form.code(number), "value": int(number)} for _, key, number, _ in self.facts},
        }


def _names(value: int) -> str:
    return names(value) if isinstance(value, Quantity) and value.op != "name" else ""


def _sizes(form: ClosedForm, sizes: tuple[int, ...]) -> str:
    return " × ".join(form.factor(size) if int(size) >= 10_000 else form.size(size) for size in sizes)


class Report(NamedTuple):
    """Layers of a closed form."""

    form: ClosedForm
    explanations: Sequence[FormulaExplanation]
