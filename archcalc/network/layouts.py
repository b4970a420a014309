"""How layers connect the layouts of tensors: which they need, which they join, which they produce."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archcalc.layers.base import Layer, ShapeError, decided
from archcalc.layers.layout import ENDS, LAYOUTS, DisagreementError, Group
from archcalc.layers.tensor import Tensor, Want

# Called when two layers need a tensor, or what a layer needs of it, in different layouts: with the
# layer, its inputs, the error, the tensor, the layout the layer needs, and the operand that is joined.
Differ = Callable[[Layer, "tuple[Tensor, ...]", DisagreementError, Tensor, "Want | None", "int | None"], None]


def agree(layer: Layer, inputs: tuple[Tensor, ...], by: Any, differ: Differ) -> Group | None:
    """Decide the layouts that the layer `by` needs, and join those of inputs whose elements it passes on.

    Returns the group they form, for `lay`; None if the output has a layout of its own.
    """
    for want in layer.wanted(*inputs):
        group = want[0].group
        if group is not None:
            try:
                group.decide(want[1], by)
            except DisagreementError as error:
                differ(layer, inputs, error, want[0], want if group.layout != want[1] else None, None)
    if layer.effect in LAYOUTS or not inputs:
        return None
    if len(inputs) == 1 or layer.layout == ENDS:
        return inputs[0].group
    joined = layer.joined(*inputs)
    passed = {id(x) for x in joined}
    wide = max([len(x.shape) for x in joined])
    first: Group | None = None
    for index, x in enumerate(inputs):
        if len(x.shape) == wide and id(x) in passed and (group := x.group) is not None:
            if first is None:
                first = group
                continue
            try:
                first.join(group)
            except DisagreementError as error:
                differ(layer, inputs, error, x, None, index)
    return first


def lay(layer: Layer, inputs: tuple[Tensor, ...], together: Group | None, y: Tensor, by: Any) -> None:
    """Give a layer's output and further outputs their group."""
    given = layer.gives(*inputs)
    if given is not None:
        group = Group(given, by)
    elif together is None:
        group = Group()
    elif layer.layout == ENDS:
        group = together.kept_where(lambda layout: layer.survives(layout, inputs[0]))
    else:
        group = together
    y.group = group
    if y.outputs:
        for tensor in y.outputs.values():
            tensor.group = group


def widest(inputs: tuple[Tensor, ...]) -> Tensor:
    """The tensor whose axes a layer works along: of those side by side, one with the most axes."""
    return max(inputs, key=lambda x: x.rank)


def conflict(op: str, x: Tensor, error: DisagreementError, operand: int | None = None) -> ShapeError:
    """The error for a tensor that two layers need in different layouts."""
    (first, one), (second, other) = error.first, error.second
    return ShapeError(
        "SHP102",
        f"`{op}`: {x} would be {first} and {second} at once",
        operand=operand,
        help="put a `transpose` or `rearrange` between the two layers that decide",
        notes=(*decided(one, first), *decided(other, second)),
    )
