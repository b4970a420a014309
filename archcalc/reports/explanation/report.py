"""The derivation of one layer: sizes, parameters, operations, bytes, receptive field."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from archcalc.cost import DTYPE_BYTES, Costs
from archcalc.derivation import Derivation, axis_names, derive
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node
from archcalc.network.paths import EVERYTHING, NOTHING, UNKNOWN
from archcalc.quantity import Quantity, names, numbers
from archcalc.reports.numbers import exact


@dataclass
class Line:
    """`title  formula  = value  (names)`: one fact of an explanation."""

    title: str
    formula: str = ""
    value: str = ""
    names: str = ""


@dataclass
class Explanation:
    """What is known of one layer, in lines for people and as data for machines."""

    title: str
    lines: list[Line | None] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)

    def text(self, width: int) -> str:
        """Aligned columns in at most `width` characters where names can be left out."""
        shown = [line for line in self.lines if line is not None]
        title = max((len(line.title) for line in shown), default=0)
        formula = max((len(line.formula) for line in shown if line.value and len(line.formula) <= 40), default=0)
        value = max((len(line.value) for line in shown), default=0)
        out = [self.title, ""]
        for line in self.lines:
            if line is None:
                out.append("")
                continue
            text = f"  {line.title:<{title}}   {line.formula:<{formula if line.value else 0}}"
            if line.value:
                text += f"   {line.value:>{value}}"
            if line.names and len(text) + 3 + len(line.names) <= width:
                text += f"   {line.names}"
            out.append(text.rstrip())
        return "\n".join(out) + "\n"


def explain(node: Node, costs: Costs, seen: Any) -> Explanation:
    """Explain a layer of a graph; `seen` is its receptive field, from `archcalc.network.paths.fields`."""
    derivation = derive(node)
    batch = node.exit.samples(costs.graph.batch)
    result = Explanation(f"{node.id}   {node.label}")
    lines = result.lines
    layer_inputs = [x for x in node.inputs if x.rank]
    for index, x in enumerate(layer_inputs):
        lines.append(Line("input" if len(layer_inputs) == 1 else f"input {index + 1}", _spaced(x)))
    lines += _sizes(derivation)
    lines.append(Line("output", _spaced(node.output)))
    for name, tensor in (node.output.outputs or {}).items():
        lines.append(Line(f"output .{name}", _spaced(tensor)))
    lines.append(None)
    lines += _parameters(node, derivation)
    runs = Quantity.named("batch", batch) if batch > 1 else 1
    macs, other, elements = derivation.macs * runs, derivation.other_flops * runs, derivation.elements * runs
    if macs:
        lines.append(_fact("MACs", macs))
    if other:
        lines.append(_fact("element-wise", other, "FLOPs"))
    if not node.is_view:
        lines.append(_fact("activations", elements * DTYPE_BYTES[costs.dtype], "bytes"))
    else:
        lines.append(Line("activations", "", "0", "a view of its input"))
    lines.append(Line("receptive field", *_field(seen, costs)))
    if not node.exit.batched:
        lines.append(Line("batch", "", "1", "the same for every sample"))
    if node.copies > 1:
        lines.append(Line("copies", "", exact(node.copies), "the numbers are one copy's"))
    result.data = _data(node, derivation, batch, DTYPE_BYTES[costs.dtype], seen)
    return result


def _spaced(x: Tensor) -> str:
    return " × ".join(str(int(size)) for size in x.shape)


def _sizes(derivation: Derivation) -> Iterator[Line]:
    """A line for each size that a formula gave; equal axes only once."""
    before: dict[str, str] = {}
    for axis, size in derivation.sizes:
        if not isinstance(size, Quantity) or size.op == "name":
            continue
        text = size.numbers()
        if text in before.values():
            yield Line(axis, "the same")
        else:
            yield Line(axis, f"{text} = {int(size)}")
        before[axis] = text


def _parameters(node: Node, derivation: Derivation) -> Iterator[Line]:
    for name, shape in derivation.params.items():
        sizes = " × ".join(str(int(size)) for size in shape)
        if name in node.tied:
            yield Line(name, sizes, "0", f"the {name} of {node.tied[name].id}")
        else:
            count = 1
            for size in shape:
                count *= int(size)
            yield Line(name, sizes, exact(count))
    for name, shape in node.buffers.items():
        count = 1
        for size in shape:
            count *= int(size)
        yield Line(name, " × ".join(str(int(size)) for size in shape), exact(count), "buffer, not learned")
    if node.params:
        yield _fact("parameters", derivation.parameters)
    else:
        yield Line("parameters", "", "0", "nothing is learned" if not node.tied else "all tied")
    if node.frozen and (node.params or node.tied):
        yield Line("trainable", "", "0", "frozen")


def _fact(title: str, value: int, unit: str = "") -> Line:
    formula = numbers(value) if isinstance(value, Quantity) else ""
    spelled = names(value) if isinstance(value, Quantity) and value.op != "name" and not unit else ""
    return Line(title, formula, exact(int(value)), spelled or unit)


def _field(seen: Any, costs: Costs) -> tuple[str, str, str]:
    inputs = list(costs.graph.inputs.values())
    if seen == EVERYTHING:
        return ("all of the input", "", "")
    if seen == UNKNOWN:
        return ("unknown: a part is opaque", "", "")
    if seen == NOTHING:
        return ("nothing of the input", "", "")
    if not seen:
        return ("not on the input's grid", "", "")
    sizes = "×".join(str(extent) for extent, _ in seen)
    steps = "×".join(str(step) for _, step in seen)
    steps = steps if len({step for _, step in seen}) > 1 else str(seen[0][1])
    whole = len(inputs) == 1 and inputs[0].rank - 1 == len(seen)
    covers = whole and all(extent >= size for (extent, _), size in zip(seen, inputs[0].shape[1:]))
    return (f"{sizes}, step {steps}" + (", covers the input" if covers else ""), "", "")


def _data(node: Node, derivation: Derivation, batch: int, width: int, seen: Any) -> dict[str, Any]:
    def fact(value: int) -> dict[str, Any]:
        return {"value": int(value), "numbers": numbers(value), "names": names(value)}

    runs = Quantity.named("batch", batch) if batch > 1 else 1
    return {
        "id": node.id,
        "op": node.op,
        "label": node.label,
        "input": [[int(size) for size in x.shape] for x in node.inputs if x.rank],
        "output": [int(size) for size in node.output.shape],
        "sizes": {
            axis: fact(size) for axis, size in zip(axis_names(node.output), (size for _, size in derivation.sizes))
        },
        "parameters": fact(derivation.parameters),
        "shapes": {name: [int(size) for size in shape] for name, shape in derivation.params.items()},
        "frozen": node.frozen and bool(derivation.params),
        "tied": {name: owner.id for name, owner in node.tied.items()},
        "macs": fact(derivation.macs * runs),
        "other_flops": fact(derivation.other_flops * runs),
        "activation_bytes": fact(0 if node.is_view else derivation.elements * runs * width),
        "receptive_field": seen if isinstance(seen, str) else [list(axis) for axis in seen] if seen else None,
    }
