"""The derivation of one layer: sizes, parameters, operations, bytes, receptive field."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from archcalc.cost import DTYPE_BYTES, Costs
from archcalc.derivation import Derivation, axis_names, derive
from archcalc.layers import Layer
from archcalc.layers.tensor import Shape, Tensor
from archcalc.network.graph import Graph, Node, walk
from archcalc.network.paths import EVERYTHING, NOTHING, UNKNOWN
from archcalc.quantity import Quantity, plain, product
from archcalc.records import NamedTuple
from archcalc.reports.explanation import facts
from archcalc.reports.explanation.facts import Line
from archcalc.reports.numbers import exact
from archcalc.reports.receptive import field_data, told

# The bias of a layer in its notation: `+ b`, `b[c] +`, of a norm `+ β`, of the second product of a recurrence `+ b′`.
_BIAS = re.compile(r" \+ (?:b′|[bβ])(?![\w[])|\bb\[c\] \+ ")


# Where a window of a convolution or of pooling lies, of any numbers, and what else is said of it.
_WINDOW = re.compile(
    r"^i = s·stride \+ τ(?:·dilation)? − padding(?: {8}(?:j alike, from t and γ|j and l alike)(?:; (.*))?)?$",
    re.MULTILINE,
)
# Separates an equation from the notes on it.
_GAP = " " * 8


@dataclass
class Explanation:
    """The derivation of one layer, in lines for people and as data for machines; None is an empty line."""

    title: str
    lines: list[Line | None] = field(default_factory=list)
    data: dict[str, Any] = field(default_factory=dict)


class Report(NamedTuple):
    """Layers or blocks of a network, or all of it."""

    graph: Graph
    explanations: Sequence[Explanation]


def equation(node: Node) -> str:
    """What a layer computes, without the terms of a missing bias, and with the meaning of its letters."""
    layer = node.layer
    assert layer is not None
    text = layer.computes
    if getattr(layer, "bias", None) is False:
        text = re.sub("W, U, b and b′", "W and U", _BIAS.sub("", text))
    if getattr(layer, "affine", None) is False:
        text = text.replace(" · γ + β", "").replace(" · γ", "")
    text = _WINDOW.sub(lambda found: _window(layer, node.inputs[0], found), text)
    axes = _axes(layer, text)
    lines = text.replace(" along the axis", "" if axes else " along the axis").split("\n")
    for said in axes:
        lines[-1] = _noted(lines[-1], said)
    for letter, said in _values(layer).items():
        occurs = re.compile(rf"(?<!\w){letter}(?!\w)")
        at = next((at for at, line in enumerate(lines) if occurs.search(line)), len(lines) - 1)
        lines[at] = _noted(lines[at], said)
    return "\n".join(lines)


def _window(layer: Any, x: Tensor, found: re.Match[str]) -> str:
    """`i = 2·s + τ − 1, j = 2·t + γ − 1`, where a window lies, for each axis with the layer's own numbers."""
    given = {key: getattr(layer, key, None) or (1,) for key in ("stride", "dilation")}
    if layer.stride is None:  # of pooling
        given["stride"] = layer.kernel
    is_named = isinstance(layer.padding, str)
    given["padding"] = tuple(before for before, _ in layer.borders(x)) if is_named else layer.padding
    each = {key: sizes * (x.rank - 1) if len(sizes) == 1 else sizes for key, sizes in given.items()}
    places = []
    for (out, tap, read), stride, dilation, border in zip(("sτi", "tγj", "uρl"), *each.values()):
        place = f"{_times(stride)}{out} + {_times(dilation)}{tap}"
        places.append(f"{read} = {place}{f' − {border}' if border else ''}")
    said = [
        f"{key} {'×'.join(map(str, sizes))}"
        for key, sizes in (given | ({"padding": (layer.padding,)} if is_named else {})).items()
        if {*sizes} != {int(key != "padding")}
    ]
    note = "; ".join(filter(None, (", ".join(said), found[1])))
    return f"{',  '.join(places)}{_GAP if note else ''}{note}"


def _times(number: int) -> str:
    return "" if number == 1 else f"{number}·"


def _inputs(node: Node, graph: Graph) -> Iterator[Line]:
    """The tensors that a layer reads; of several, what each of them is in the network."""
    titled = node.titled_inputs
    names: dict[int, str] = {}
    if len(titled) > 1:
        names = {id(one.exit): one.id for one, _, _ in walk(graph.nodes)}
        names.update((id(x), name) for name, x in graph.inputs.items() if name != "input" or len(graph.nodes) > 1)
    for title, x in titled:
        name = names.get(id(x), "")
        yield Line(title, spaced(x), note="" if title.endswith(f" {name}") else name)


def _noted(line: str, said: str) -> str:
    """A line with a further note."""
    return f"{line}{', ' if _GAP in line else _GAP}{said}"


def _axes(layer: Layer, text: str) -> list[str]:
    """`along axis 0`, if the layer has an axis."""
    axis = getattr(layer, "axis", None) if "axis" in layer.arguments else None
    if axis is None or "axis" in text.replace(" along the axis", ""):
        return []
    places = [written(one) for one in (axis if isinstance(axis, tuple) else (axis,))]
    return [f"along {'axis' if len(places) == 1 else 'axes'} {' and '.join(places)}"]


def _values(layer: Layer) -> dict[str, str]:
    """`α = 1`, for each letter of the notation that denotes a numeric argument."""
    given = {letter: getattr(layer, name) for letter, name in layer.symbols.items()}
    listed = {
        letter: value if isinstance(value, tuple) else (value,) for letter, value in given.items() if value is not None
    }
    return {letter: f"{letter} = {', '.join(map(written, each))}" for letter, each in listed.items()}


def written(value: float | str) -> str:
    """A number as written in formulas: `1e-05`, `−2`; a word unchanged."""
    if isinstance(value, str):
        return value
    return f"{value:g}".replace("-", "−") if value < 0 else f"{value:g}"


def explain(node: Node, costs: Costs, seen: Any) -> Explanation:
    """Explain a layer of a graph; `seen` is its receptive field, from `archcalc.network.paths.fields`."""
    derivation = derive(node)
    result = Explanation(f"{node.id}   {node.label}")
    lines = result.lines
    lines += _inputs(node, costs.graph)
    lines += _sizes(derivation)
    lines.append(Line("output", spaced(node.output)))
    for name, tensor in (node.output.outputs or {}).items():
        lines.append(Line(f"output .{name}", spaced(tensor)))
    lines.append(None)
    assert node.layer is not None
    for index, line in enumerate(equation(node).split("\n")):
        text, _, note = line.partition(_GAP)
        lines.append(Line("computes" if index == 0 else "", text, note=note))
    lines.append(None)
    lines += _parameters(node, derivation)
    runs = _runs(node, costs.graph.batch)
    if derivation.macs:
        lines += facts.lines("MACs", derivation.macs, runs=runs)
    if derivation.other_flops:
        lines += facts.lines("element-wise", derivation.other_flops, "FLOPs", runs)
    if not node.is_view:
        width = DTYPE_BYTES[costs.dtype]
        lines += facts.lines(
            "activations", derivation.elements * Quantity.named("bytes", width), f"bytes, {width} each", runs
        )
    else:
        held = "a view of its input" if node.inputs else "what is stored, not a copy"
        lines.append(Line("activations", "", "0", held))
    if any(x.rank > 1 for x in costs.graph.inputs.values()) or seen in _WORDS:
        lines.append(Line("receptive field", *_field(seen, costs)))
    if not node.exit.batched:
        lines.append(Line("batch", "", "1", "the same for every sample"))
    count = facts.copies(node, costs)
    if count > 1:
        lines.append(facts.of_copies(node, count, costs))
    result.data = {**_data(node, derivation, costs.graph.batch, DTYPE_BYTES[costs.dtype], seen), "copies": count}
    return result


def _runs(node: Node, batch: int) -> int:
    """How often it is computed, of a whole batch: for each sample, and each entry of an `each`."""
    entries = plain(node.exit.entries) if node.exit.batched else 1
    runs: int = Quantity.named("entries", entries, counts=True) if entries > 1 else 1
    return Quantity.named("batch", batch, counts=True) * runs if batch > 1 and node.exit.batched else runs


def spaced(x: Tensor) -> str:
    """`64 × 55 × 55`."""
    return " × ".join(str(int(size)) for size in x.shape)


def _sizes(derivation: Derivation) -> Iterator[Line]:
    """A line for each size computed by a formula; equal axes only once."""
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
    """The tensors, those with several copies once, then their sum."""
    for name, owner in node.tied.items():
        yield Line(name, _sizes_of(derivation.params[name]), "0", f"the {name} of {owner.id}")
    for portion in derivation.portions:
        often = int(portion.times)
        for name, shape in portion.shapes.items():
            title = name if often == 1 else f"{name}  ×{often}"
            yield Line(title, _sizes_of(shape), exact(often * _elements(shape)))
    for name, shape in node.buffers.items():
        yield Line(name, _sizes_of(shape), exact(_elements(shape)), "buffer, not learned")
    if node.params:
        yield from facts.lines("parameters", derivation.parameters)
    else:
        yield Line("parameters", "", "0", "nothing is learned" if not node.tied else "all tied")
    if node.frozen and (node.params or node.tied):
        yield Line("trainable", "", "0", "frozen")


def _sizes_of(shape: Shape) -> str:
    return " × ".join(str(int(size)) for size in shape)


def _elements(shape: Shape) -> int:
    return int(product(int(size) for size in shape))


_WORDS = {EVERYTHING: "all of the input", UNKNOWN: "unknown: a part is opaque", NOTHING: "nothing of the input"}


def _field(seen: Any, costs: Costs) -> tuple[str, str, str]:
    inputs = list(costs.graph.inputs.values())
    if seen in _WORDS:
        return (_WORDS[seen], "", "")
    if seen == () and any(x.rank > 1 and not x.positions for x in inputs):
        return ("unknown: nothing says which axes are positions", "", "")
    if not seen:
        return ("none: positions are no longer those of the input", "", "")
    whole = len(inputs) == 1 and inputs[0].rank - 1 == len(seen)
    covers = whole and all(axis.size >= size for axis, size in zip(seen, inputs[0].shape[1:]))
    same = any(axis.is_constant for axis in seen)
    return (told(seen) + (", covers the input" if covers else ""), "", "step 0: all see the same" if same else "")


def _data(node: Node, derivation: Derivation, batch: int, width: int, seen: Any) -> dict[str, Any]:
    runs = _runs(node, batch)
    return {
        "id": node.id,
        "op": node.op,
        "label": node.label,
        "input": [[int(size) for size in x.shape] for x in node.inputs if x.rank],
        "output": [int(size) for size in node.output.shape],
        "equation": equation(node) if node.layer is not None else "",
        "sizes": {
            axis: facts.data(size)
            for axis, size in zip(axis_names(node.output), (size for _, size in derivation.sizes))
        },
        "parameters": facts.data(derivation.parameters),
        "shapes": {name: [int(size) for size in shape] for name, shape in derivation.params.items()},
        "frozen": node.frozen and bool(derivation.params),
        "tied": {name: owner.id for name, owner in node.tied.items()},
        "macs": facts.data(derivation.macs, runs),
        "other_flops": facts.data(derivation.other_flops, runs),
        "activation_bytes": facts.data(0 if node.is_view else derivation.elements * width, runs),
        **field_data(seen),
    }
