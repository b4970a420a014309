"""Receptive fields of tensors whose positions are no longer the input's, e.g. of heads split by hand.

Places are lost there, but for some axes it is known that the elements along them together see the whole input, at any
index of the other axes. A layer that sums or mixes such an axis sees everything.
"""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.layers.field import ITSELF
from archcalc.network.graph import Node


class Along(frozenset[int]):
    """The axes along which everything is seen, counted from the end: -1, -2."""


def moved(axes: Iterable[int], node: Node) -> Along:
    """Where a layer that keeps every element moves those axes of its input; those it splits or joins are lost."""
    assert node.layer is not None
    x, y = node.inputs[0], node.exit
    places = [node.layer.goes(axis + x.rank, x, y) for axis in axes]
    return Along(place - y.rank for place in places if place is not None)


def mixes(node: Node, seen: list[tuple[int, Along]]) -> bool:
    """Whether a layer sums or mixes an axis along which everything is seen; `seen` has the place of each input."""
    layer, x = node.layer, node.inputs[0]
    assert layer is not None
    letters = layer.letters(*node.inputs)
    if letters is not None:
        terms, right = letters
        return any(terms[index][axis] not in right for index, axes in seen for axis in axes)
    alone = len(seen) == 1 and node.inputs[seen[0][0]] is x
    return alone and any(axis + x.rank in layer.mixes(x) for axis in seen[0][1])


def through(node: Node, seen: list[tuple[int, Along]]) -> Along:
    """The axes that remain after a layer that mixes none of them."""
    layer, x, y = node.layer, node.inputs[0], node.exit
    assert layer is not None
    letters = layer.letters(*node.inputs)
    if letters is not None:
        terms, right = letters
        return Along(right.index(terms[index][axis]) - len(right) for index, axes in seen for axis in axes)
    if layer.reorders:
        return moved(seen[0][1], node)
    if len(seen) == 1 and y.shape == x.shape and layer.mixes(x):
        return seen[0][1]  # an element sees its own place, whatever it sees on other axes
    windows = layer.field(y, x)
    if windows is None or any(window != ITSELF for window in windows):
        return Along()
    if layer.elementwise or layer.any_order:
        return Along(axis for index, axes in seen for axis in axes if node.inputs[index].shape == y.shape)
    return Along(axis for axis in seen[0][1] if len(seen) == 1 and x.rank == y.rank and axis + y.rank in y.positions)
