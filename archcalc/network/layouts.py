"""How layers connect the layouts of tensors: what they want, what they join, what comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from archcalc.layers.base import Layer, ShapeError, decided
from archcalc.layers.layout import ASKS, KEEPS, DisagreementError, Group
from archcalc.layers.tensor import Tensor, Want

# Takes note of two layers that want a tensor, or the one that a layer wants, in different layouts.
Differ = Callable[[DisagreementError, Tensor, "Want | None", "int | None"], None]


def agree(layer: Layer, inputs: tuple[Tensor, ...], by: Any, differ: Differ) -> None:
    """Decide what the layer `by` wants of its inputs, and join those whose elements it passes on."""
    for want in layer.wanted(*inputs):
        group = want[0].group
        if group is not None:
            try:
                group.decide(want[1], by)
            except DisagreementError as error:
                differ(error, want[0], want if group.layout != want[1] else None, None)
    together = _together(layer, inputs)
    for index, x in together[1:]:
        try:
            together[0][1].join(x)
        except DisagreementError as error:
            differ(error, inputs[index], None, index)


def lay(layer: Layer, inputs: tuple[Tensor, ...], y: Tensor, by: Any) -> None:
    """Give the output of a layer, and its further outputs, the group that they belong to."""
    given = layer.gives(*inputs)
    together = _together(layer, inputs)
    if given is not None:
        group = Group(given, by)
    elif together:
        index, first = together[0]
        group = first.kept_where(lambda layout: layer.survives(layout, inputs[index]))
    else:
        group = Group()
    for tensor in (y, *(y.outputs or {}).values()):
        tensor.group = group if tensor.rank > 1 else None


def widest(inputs: tuple[Tensor, ...]) -> Tensor:
    """The tensor whose axes a layer works along: of those that stand side by side one with the most."""
    return max(inputs, key=lambda x: x.rank)


def conflict(op: str, x: Tensor, error: DisagreementError, operand: int | None = None) -> ShapeError:
    """The error of a tensor that two layers want in different layouts."""
    (first, one), (second, other) = error.first, error.second
    return ShapeError(
        "SHP102",
        f"`{op}`: {x} would be {first} and {second} at once",
        operand=operand,
        help="add `transpose` or `rearrange` between the two layers that decide",
        notes=(*decided(one, first), *decided(other, second)),
    )


def _together(layer: Layer, inputs: tuple[Tensor, ...]) -> list[tuple[int, Group]]:
    """The groups that are one by what the layer does, with the numbers of the inputs: those with the most axes."""
    joined = layer.joined(*inputs) if layer.layout in (KEEPS, ASKS) else inputs[:1]
    wide = max((x.rank for x in joined), default=0)
    groups = ((index, x.group) for index, x in enumerate(inputs) if x.rank == wide and any(x is one for one in joined))
    return [(index, group) for index, group in groups if group is not None]
