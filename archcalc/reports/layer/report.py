"""What is known of a layer, from the declarations that run."""

from __future__ import annotations

import inspect
from typing import Any

from archcalc.derivation import axis_names, derive
from archcalc.diagnostics import SpecError
from archcalc.layers import Layer
from archcalc.layers.operands import Body, Operands
from archcalc.network.graph import Node
from archcalc.network.line import line_graph
from archcalc.quantity import Quantity, names


def signature(layer: type[Layer]) -> str:
    """`conv CHANNELS kernel= [stride=1] ...`: the first key unnamed, defaults in brackets."""
    words = [layer.op]
    for name, argument in layer.arguments.items():
        if isinstance(argument, (Body, Operands)):
            words.append(f"{name}: [...]" if argument.required else f"[{name}: [...]]")
        elif name == layer.first:
            words.append(name.upper() if argument.required else f"[{name.upper()}]")
        elif argument.required:
            words.append(f"{name}=")
        else:
            default = "" if argument.default is None else argument.show(argument.default)
            words.append(f"[{name}={default}]")
    return " ".join(words)


def summary(layer: type[Layer]) -> str:
    """The first line of its documentation."""
    return (inspect.getdoc(layer) or "").partition("\n")[0]


def formulas(layer: type[Layer]) -> list[tuple[str, str]]:
    """Its formulas in names, each with its title, taken from the layer run on an example."""
    node = _example(layer)
    if node is None:
        return []
    derivation = derive(node)
    rows: list[tuple[str, str]] = []
    for axis, size in zip(axis_names(node.output), (size for _, size in derivation.sizes)):
        if isinstance(size, Quantity) and size.op != "name":
            rows.append((axis, names(size)))
    for name, shape in derivation.params.items():
        rows.append((name, f"[{', '.join(names(size) for size in shape)}]"))
    if derivation.params:
        rows.append(("parameters", names(derivation.parameters)))
    for title, value in (("MACs", derivation.macs), ("element-wise", derivation.other_flops)):
        if value:
            rows.append((title, names(value)))
    return rows


def _example(layer: type[Layer]) -> Node | None:
    if layer.example is None:
        return None
    try:
        return line_graph(*layer.example).nodes[-1]
    except SpecError:
        return None


def described(layer: type[Layer]) -> dict[str, Any]:
    """Its declarations for machines."""
    return {
        "name": layer.op,
        "family": layer.family,
        "first": layer.first,
        "doc": inspect.getdoc(layer),
        "equation": layer.notation,
        "keys": {
            name: {
                "doc": argument.doc,
                "kind": argument.kind,
                "required": argument.required,
                "default": None if argument.required else argument.default,
            }
            for name, argument in layer.arguments.items()
        },
    }
