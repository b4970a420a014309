"""The reference of the layers, from the declarations that run."""

from __future__ import annotations

import inspect
import json
from typing import Any

from archcalc.derivation import axis_names, derive
from archcalc.diagnostics import SpecError
from archcalc.layers import FAMILIES, REGISTRY, Layer
from archcalc.layers.operands import Body, Operands
from archcalc.network.graph import Node
from archcalc.network.line import line_graph
from archcalc.quantity import Quantity, names


def families() -> dict[str, list[type[Layer]]]:
    """The layers of each family, in the order of their files."""
    groups: dict[str, list[type[Layer]]] = {family.__name__.rpartition(".")[2]: [] for family in FAMILIES}
    for layer in REGISTRY.values():
        groups[layer.family].append(layer)
    return groups


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


def overview() -> str:
    """Every layer with its first line, by family."""
    lines = []
    for family, layers in families().items():
        lines.append(family)
        lines += [f"  {layer.op:<18} {summary(layer)}" for layer in layers]
        lines.append("")
    lines.append("`archcalc layer NAME` describes one; name=, from=, repeat=, tie= and frozen= go with any.")
    return "\n".join(lines) + "\n"


def page(layer: type[Layer]) -> str:
    """All that is declared about one layer."""
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
    lines += _formulas(layer)
    return "\n".join(lines).rstrip() + "\n"


def _formulas(layer: type[Layer]) -> list[str]:
    """Its formulas in names, taken from the layer run on an example."""
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
    if not rows:
        return []
    width = max(len(title) for title, _ in rows)
    head = f"formulas, for one sample, as in `{EXAMPLES[layer.op][0]}`"
    return [head, *(f"  {title:<{width}}  {formula}" for title, formula in rows)]


# A line and an input for every layer whose formulas are worth showing.
EXAMPLES = {
    "conv": ("conv 2 kernel=3 stride=2 padding=1", "3x32x32"),
    "convtranspose": ("convtranspose 8 kernel=2 stride=2", "16x8x8"),
    "maxpool": ("maxpool 3 stride=2", "8x32x32"),
    "avgpool": ("avgpool 2", "8x32x32"),
    "linear": ("linear 10", "84"),
    "embedding": ("embedding 1000 dim=64", "20"),
    "posembed": ("posembed length=512", "20x64"),
    "clstoken": ("clstoken", "20x64"),
    "layerscale": ("layerscale axis=-1", "20x64"),
    "batchnorm": ("batchnorm", "8x32x32"),
    "groupnorm": ("groupnorm 4", "8x32x32"),
    "instancenorm": ("instancenorm affine=true", "8x32x32"),
    "layernorm": ("layernorm", "20x64"),
    "rmsnorm": ("rmsnorm axis=-1", "20x64"),
    "prelu": ("prelu", "20x64"),
    "rnn": ("rnn 32", "20x64"),
    "lstm": ("lstm 32", "20x64"),
    "gru": ("gru 32", "20x64"),
    "attention": ("attention heads=8", "20x64"),
    "relposbias": ("relposbias 4", "20x64"),
    "parameter": ("parameter 16x768", "1"),
    "softmax": ("softmax axis=-1", "20x64"),
}


def _example(layer: type[Layer]) -> Node | None:
    if layer.op not in EXAMPLES:
        return None
    try:
        return line_graph(*EXAMPLES[layer.op]).nodes[-1]
    except SpecError:
        return None


def data() -> dict[str, Any]:
    """The same for machines."""
    return {
        "version": 1,
        "layers": [
            {
                "name": layer.op,
                "family": family,
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
            for family, layers in families().items()
            for layer in layers
        ],
    }


def dumps(document: Any) -> str:
    """JSON with a line break at its end."""
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
