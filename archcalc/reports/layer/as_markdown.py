"""A layer in GitHub's markdown."""

from __future__ import annotations

import inspect

from archcalc.layers import Layer
from archcalc.quoting import markdown as escape
from archcalc.quoting import markdown_message
from archcalc.reports.layer.report import formulas, signature
from archcalc.reports.tables import table


def render(layer: type[Layer]) -> str:
    """Its documentation, its keys, and its formulas where they are worth showing."""
    parts = [f"### {layer.op}\n", f"`{signature(layer)}`\n", f"{markdown_message(inspect.getdoc(layer) or '')}\n"]
    if layer.arguments:
        lines = [
            (
                f"`{name}`",
                escape(argument.doc),
                escape(argument.kind),
                "required"
                if argument.required
                else ""
                if argument.default is None
                else f"`{argument.show(argument.default)}`",
            )
            for name, argument in layer.arguments.items()
        ]
        parts.append(table(("key", "", "kind", "default"), "llll", lines))
    rows = formulas(layer)
    if rows and layer.example:
        parts.append(f"For one sample of `{layer.example[0]}`:\n")
        parts.append(table(("", "formula"), "ll", [(title, escape(formula)) for title, formula in rows]))
    return "\n".join(parts)
