"""Why a number is what it is: a layer's formulas run on named quantities.

Nothing is declared twice: the layer's own `infer`, `params`, `macs` and `other_flops` compute the derivation, because
a `Quantity` is a whole number that remembers how it was computed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from archcalc.layers.arguments import Size, Whole
from archcalc.layers.base import Layer
from archcalc.layers.layout import CHANNELS_FIRST, FEATURES_LAST
from archcalc.layers.portions import Portion
from archcalc.layers.tensor import Shape, Tensor
from archcalc.network.graph import Node
from archcalc.quantity import Quantity, product
from archcalc.terms import part

_SPATIAL = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
_SHORT = {"length": "length", "height": "h", "width": "w", "depth": "d"}


@dataclass
class Derivation:
    """One layer's numbers with their derivations, for one sample.

    Attributes:
        sizes: (axis, size) of the output, each size a quantity if a formula gave it.
        params: named shapes; parameters: the total of those that belong to no other node.
        portions: the shapes of the latter, in the groups in which they are added up.
        macs, other_flops: operations; elements: of the output.
    """

    sizes: list[tuple[str, int]]
    params: Mapping[str, Shape]
    portions: list[Portion]
    parameters: int
    macs: int
    other_flops: int
    elements: int


def derive(node: Node) -> Derivation:
    """The derivation of a layer of a graph. The node must have a layer."""
    layer, inputs = _quantities(node)
    first = inputs[0] if inputs else Tensor(())
    output = layer.infer(*inputs) if inputs else layer.infer(first)
    names = axis_names(node.output)
    named = Tensor(
        tuple(
            size if getattr(size, "op", "") == "name" else _leaf(f"out_{_SHORT.get(name, name)}", size)
            for name, size in zip(names, output.shape)
        ),
        node.output.layout,
    )
    shapes = layer.params(first)
    portions = _portions(node, layer, shapes)
    return Derivation(
        list(zip(names, output.shape)),
        shapes,
        portions,
        _total(portions),
        layer.macs(named, *inputs),
        layer.other_flops(named, *inputs),
        named.elements,
    )


def parameter_formula(node: Node) -> Quantity:
    """The number of a layer's own parameters, with its derivation."""
    layer, inputs = _quantities(node)
    return _total(_portions(node, layer, layer.params(inputs[0] if inputs else Tensor(()))))


def _portions(node: Node, layer: Layer, shapes: Mapping[str, Shape]) -> list[Portion]:
    """The parameters that belong to no other node, in the layer's portions."""
    return layer.portions({name: shape for name, shape in shapes.items() if name not in node.tied})


def _total(portions: list[Portion]) -> Quantity:
    """The number of parameters in the portions."""
    result: int = 0
    for portion in portions:
        value = portion.times * total(portion.shapes, portion.outputs_first)
        result = result + (part(portion.label, value, portion.note) if portion.label else value)
    return result if isinstance(result, Quantity) else Quantity.named(str(result), result)


def total(shapes: Mapping[str, Shape], outputs_first: bool = False) -> Quantity:
    """The sum of the elements of named shapes, arranged as (what one output has) · outputs.

    Shapes with the same first size are added first: `(3·3·3 + 1)·2` for a weight [2, 3, 3, 3] and
    a bias [2]. The sizes of a kernel come before the channels, as in textbooks.
    """
    groups: dict[str, tuple[int, list[int]]] = {}
    for name, shape in shapes.items():
        if not shape:
            continue
        head, rest = shape[0], (*shape[2:], *shape[1:2])
        key = head.names() if isinstance(head, Quantity) else str(head)
        each = product(rest) if rest else Quantity.named(_bias_name(name), 1)
        groups.setdefault(key, (head, []))[1].append(each)
    result: int = 0
    for head, parts in groups.values():
        alone = len(parts) == 1 and getattr(parts[0], "op", "") == "name" and int(parts[0]) == 1
        each = _sum(parts)
        result = result + (head if alone else head * each if outputs_first else each * head)
    return result if isinstance(result, Quantity) else Quantity.named(str(result), result)


def _bias_name(name: str) -> str:
    last = name.rpartition(".")[2]
    return "bias" if last.startswith("bias") or last.endswith("bias") else name


def _sum(parts: list[int]) -> int:
    """Their sum; two biases are labelled as such, and a weight and a bias of one number each by name."""
    if len(parts) > 1 and all(getattr(one, "op", "") == "name" and int(one) == 1 for one in parts):
        parts = [Quantity.named(one.operands[0], 1, counts=True) for one in parts]  # type: ignore[attr-defined]
    ones = [one for one in parts if getattr(one, "op", "") == "name" and one.operands[0] == "bias"]  # type: ignore[attr-defined]
    if len(ones) > 1:
        parts = [one for one in parts if not any(one is bias for bias in ones)]
        parts.append(Quantity.named("biases", len(ones), counts=True))
    result, *others = parts
    for other in others:
        result = result + other
    return result


def axis_names(tensor: Tensor) -> list[str]:
    """The names of a tensor's axes: channels, height, width; positions, features."""
    rank = tensor.rank
    if tensor.layout == CHANNELS_FIRST and rank - 1 in _SPATIAL:
        return ["channels", *_SPATIAL[rank - 1]]
    if rank == 1:
        return ["features"]
    if tensor.layout == FEATURES_LAST:
        return [*(f"axis{index}" for index in range(rank - 2)), "positions", "features"]
    return [f"axis{index}" for index in range(rank)]


def _quantities(node: Node) -> tuple[Layer, tuple[Tensor, ...]]:
    """The node's layer and inputs with every size a named quantity."""
    assert node.layer is not None
    layer = copy.copy(node.layer)
    renamed: dict[int, Tensor] = {}
    for name, value in node.layer.__dict__.items():
        argument = layer.arguments.get(name)
        if isinstance(value, Tensor):
            layer.__dict__[name] = renamed.setdefault(id(value), _named(value, f"{name}_"))
        elif isinstance(argument, Whole) and isinstance(value, int) and argument.min >= 0:
            layer.__dict__[name] = Quantity.named(name, value)
        elif isinstance(argument, Size) and isinstance(value, tuple) and argument.min >= 0:
            layer.__dict__[name] = _per_axis(name, value, node, argument.spreads)
    count = sum(isinstance(value, Tensor) and layer.reads(name) for name, value in node.layer.__dict__.items())
    given = node.inputs[: len(node.inputs) - count]
    prefixes = ["in_"]
    if len(given) > 1:
        prefixes = [f"{name.partition('(')[0]}_" for name in node.operands(len(given))]
    letters = layer.letters(*given)
    if letters is not None:  # as in its equation, which leaves out the axes of a stack
        inputs = tuple(
            _with(
                x,
                [
                    one if f"{one}," in layer.computes or f"{one}]" in layer.computes else f"axis{at}"
                    for at, one in enumerate(term)
                ],
            )
            for x, term in zip(given, letters[0])
        )
    else:
        inputs = tuple(_named(x, prefix) for x, prefix in zip(given, prefixes))
    if layer.takes_input and inputs:
        layer.accept(inputs[0])
    return layer, inputs


def _per_axis(name: str, sizes: tuple[int, ...], node: Node, spreads: bool) -> tuple[int, ...]:
    x = node.inputs[0] if node.inputs else node.output
    axes = _SPATIAL.get(x.rank - 1, ()) if x.layout == CHANNELS_FIRST else ()
    if len(sizes) == 1 and axes and spreads and getattr(node.layer, "axis", None) is None:
        sizes = sizes * len(axes)
    if len(axes) != len(sizes):
        axes = tuple(f"axis{index}" for index in range(len(sizes)))
    if len(sizes) == 1:
        return tuple(_leaf(name, size) for size in sizes)
    before = "" if name == "shape" else f"{name}_"
    return tuple(_leaf(f"{before}{_SHORT.get(axis, axis)}", size) for axis, size in zip(axes, sizes))


def _named(x: Tensor, prefix: str) -> Tensor:
    return _with(x, [prefix + _SHORT.get(name, name) for name in axis_names(x)])


def _with(x: Tensor, names: Iterable[str]) -> Tensor:
    """The tensor with its sizes under these names."""
    shape = tuple(_leaf(name, size) for name, size in zip(names, x.shape))
    made = Tensor(shape, x.layout, x.integer, x.outputs, x.state, x.parts, x.batched)
    made.entries, made.places = x.entries, x.places
    return made


def _leaf(name: str, size: int) -> int:
    """A named size; factors such as 1.5 stay as they are."""
    return Quantity.named(name, int(size)) if isinstance(size, int) else size
