"""A layer for people."""

from __future__ import annotations

import inspect

from archcalc.layers import Layer
from archcalc.layers.arguments import Argument
from archcalc.layers.operands import Body, Operands
from archcalc.reports.blocks import BOLD, DIM, Block, Group
from archcalc.reports.layer.report import formulas, signature
from archcalc.reports.paragraphs import Entry, Heading, Prose


def render(layer: type[Layer]) -> Block:
    """All that is declared about it."""
    blocks: list[Block] = [Prose(signature(layer), BOLD), "", Prose(inspect.getdoc(layer) or ""), ""]
    if layer.notation:
        blocks.append(Heading("computes"))
        for line in layer.notation.split("\n"):
            equation, _, note = line.partition("        ")
            blocks.append(Entry(equation, "", 0, style=None))
            if note:
                blocks.append(Entry("", note, 0))
        blocks.append("")
    if layer.arguments:
        width = max(len(name) for name in layer.arguments)
        blocks += [
            Heading("keys"),
            *(Entry(name, _told(layer, argument), width, 3, None) for name, argument in layer.arguments.items()),
            "",
        ]
    rows = formulas(layer)
    if rows and layer.example:
        width = max(len(title) for title, _ in rows)
        blocks += [
            Heading("formulas"),
            Prose(f"  for one sample, as in `{layer.example[0]}`", DIM),
            *(Entry(title, formula, width, style=None) for title, formula in rows),
        ]
    return Group(*blocks)


def _told(layer: type[Layer], argument: Argument) -> str:
    """What a key is, what it takes, and its default."""
    told = f"{argument.doc}: {argument.kind}"
    if argument.required:
        told += "; required"
    elif argument.default is not None:
        told += f"; default {argument.show(argument.default)}"
    if argument.name == layer.first and not isinstance(argument, (Body, Operands)):
        told += "; may be given without its name"
    return told
