"""Where a constant added to each channel has no effect, because all that read it take it off again."""

from __future__ import annotations

from archcalc.layers.algebra import Scale
from archcalc.layers.convolution import Conv
from archcalc.layers.dense import LayerScale, Linear
from archcalc.layers.layout import CHANNELS_FIRST, FEATURES_LAST
from archcalc.layers.merge import Add, Concat, Residual, Sub
from archcalc.layers.pooling import AdaptiveAvgPool, AdaptiveMaxPool, AvgPool, MaxPool
from archcalc.layers.resizing import Upsample
from archcalc.layers.shape import Flatten, Identity, Transpose
from archcalc.layers.shuffling import ChannelShuffle
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node
from archcalc.rules.model import Model, normalises_channels

# What gives on a constant of a channel as a constant of a channel, whatever its arguments.
_PASSING = (Identity, Scale, LayerScale, Linear, Flatten, MaxPool, Upsample, ChannelShuffle,
            AdaptiveAvgPool, AdaptiveMaxPool)  # fmt: skip
_SUMS = (Add, Sub, Residual)


def shiftless(model: Model) -> set[int]:
    """The ids of the layers whose output may be shifted, each channel by a number of its own, and nothing changes.

    All start as such, and those are taken out that something reads which notices. Copies of a
    `repeat`, which read one another, are then right from the last to the first.
    """
    found = {id(placed.node) for placed in model.layers}
    changed = True
    while changed:
        changed = False
        for placed in reversed(model.layers):
            node = placed.node
            if id(node) in found and not _unnoticed(model, node, found):
                found.discard(id(node))
                changed = True
    return found


def norms_after(model: Model) -> dict[int, Node]:
    """By each layer's id the nearest norm of channels behind it; none where no way leads to one."""
    readers = {id(placed.node): model.readers(placed.node) for placed in model.layers}
    before: dict[int, list[int]] = {}
    for node, those in readers.items():
        for reader in those:
            before.setdefault(id(reader), []).append(node)
    found = {node: norm for node, those in readers.items() if (norm := next(filter(normalises_channels, those), None))}
    pending = list(found)
    while pending:  # layers one further away each time
        further = dict.fromkeys(node for one in pending for node in before.get(one, ()) if node not in found)
        found |= {node: next(found[id(one)] for one in readers[node] if id(one) in found) for node in further}
        pending = list(further)
    return found


def _unnoticed(model: Model, node: Node, found: set[int]) -> bool:
    readers = model.readers(node)
    return bool(readers) and all(
        normalises_channels(reader) or (id(reader) in found and _passes(reader, node.exit)) for reader in readers
    )


def _passes(node: Node, tensor: Tensor) -> bool:
    """Whether a constant of each channel of `tensor` comes out of `node` as one of each channel."""
    layer = node.layer
    y = node.exit
    if isinstance(layer, _PASSING):
        return not isinstance(layer, Flatten) or y.rank == 1
    if isinstance(layer, _SUMS):
        axis = tensor.feature_axis
        return (tensor.layout, tensor.rank, tensor.shape[axis]) == (y.layout, y.rank, y.shape[axis])
    if isinstance(layer, Concat):
        return layer.axis is None or tensor.axis(layer.axis) == tensor.feature_axis
    if isinstance(layer, AvgPool):
        every = layer.divisor_override is None  # else a window over the edge has a smaller sum
        return every and all(padding == 0 for _, _, padding, _ in layer.axes(node.inputs[0]))
    if isinstance(layer, Conv):
        return not layer.pads_zeros(node.inputs[0])
    if isinstance(layer, Transpose):
        return y.rank == 2 and (tensor.layout, y.layout) == (FEATURES_LAST, CHANNELS_FIRST)
    return False
