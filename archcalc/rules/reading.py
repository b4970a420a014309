"""What windows read of a tensor, over all of its readers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import reduce
from math import prod
from operator import or_

from archcalc.layers.convolution import Conv
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node
from archcalc.quantity import product
from archcalc.rules.model import Model


class Reading:
    """What windows read of a tensor, over all its readers; counts are positions of one channel."""

    __slots__ = ("read", "readers", "spanned", "tensor", "total")

    def __init__(self, tensor: Tensor, readers: list[Node], total: int, spanned: int, read: int) -> None:
        self.tensor = tensor
        self.readers = readers
        self.total = total
        self.spanned = spanned
        self.read = read


def readings(model: Model) -> list[Reading]:
    """Every tensor that only windows read."""
    return list(_readings(model))


def _readings(model: Model) -> Iterator[Reading]:
    for tensor in [*model.graph.inputs.values(), *(placed.node.exit for placed in model.layers)]:
        readers = model.consumers(tensor)
        if not readers or model.is_output(tensor) or tensor.rank < 2:
            continue
        known = [view for view in map(model.windows, readers) if view is not None]
        if len(known) == len(readers):
            total = int(product(tensor.shape[1:]))
            if any(all(window.reads_all for window in view) for view in known):
                yield Reading(tensor, readers, total, total, total)
                continue
            spanned = _covered([[w.spanned() for w in view] for view in known])
            yield Reading(tensor, readers, total, spanned, _covered([[w.read() for w in view] for view in known]))


def is_patches(model: Model, readers: list[Node]) -> bool:
    """Whether one convolution cuts the image into patches for a sequence."""
    node = readers[0]
    layer = node.layer
    if len(readers) > 1 or not isinstance(layer, Conv) or layer.kernel != layer.stride:
        return False
    after = model.only_consumer(node)
    return after is not None and after.layer is not None and after.layer.reorders


def _covered(masks: list[list[bytearray]]) -> int:
    """How many positions lie in at least one of several products of masks, which have one mask for each axis."""
    if len(masks) == 1:
        return prod(axis.count(1) for axis in masks[0])
    if all(mask == masks[0] for mask in masks[1:]):  # e.g. of branches with equal windows
        return _covered(masks[:1])
    if len(masks[0]) == 1:
        either = reduce(or_, (int.from_bytes(axes[0], "big") for axes in masks))
        return either.to_bytes(len(masks[0][0]), "big").count(1)
    rows = Counter(zip(*(axes[0] for axes in masks)))
    inside = ((count, [axes[1:] for axes, one in zip(masks, row) if one]) for row, count in rows.items())
    return sum(count * _covered(left) for count, left in inside if left)
