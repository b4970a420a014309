"""A layer for people."""

from __future__ import annotations

import inspect

from archcalc.layers import Layer
from archcalc.layers.operands import Body, Operands
from archcalc.reports.layer.report import EXAMPLES, formulas, signature


def render(layer: type[Layer]) -> str:
    """All that is declared about it."""
    lines = [signature(layer), "", inspect.getdoc(layer) or "", ""]
    if layer.notation:
        lines += ["computes", *(f"  {line}" for line in layer.notation.split("\n")), ""]
    if layer.arguments:
        width = max(len(name) for name in layer.arguments)
        lines.append("keys")
        for name, argument in layer.arguments.items():
            default = (
                "" if argument.required or argument.default is None else f"; default {argument.show(argument.default)}"
            )
            needed = "; required" if argument.required else ""
            unnamed = (
                "; may stand unnamed" if name == layer.first and not isinstance(argument, (Body, Operands)) else ""
            )
            lines.append(f"  {name:<{width}}   {argument.doc}: {argument.kind}{default}{needed}{unnamed}")
        lines.append("")
    rows = formulas(layer)
    if rows:
        width = max(len(title) for title, _ in rows)
        lines.append(f"formulas, for one sample, as in `{EXAMPLES[layer.op][0]}`")
        lines += [f"  {title:<{width}}  {formula}" for title, formula in rows]
    return "\n".join(lines).rstrip() + "\n"
