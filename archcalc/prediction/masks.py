"""What is added to attention's scores: learned tables and masks, put together before the scores' kernel reads them.

A kernel takes one tensor. A table alone, or a mask alone, is that tensor, and serves all samples or all heads. Both
together are a number for every score: the table is written for each sample, and what is hidden is added to it. Under
autocast the sum, which is in fp32 like the table, is cast. The efficient kernel needs rows that begin at multiples of 8
numbers; others are copied. Attention by hand adds each to all its scores instead.
Source: _scaled_dot_product_attention and preprocess_mask in aten/src/ATen/native/transformers/attention.cpp of PyTorch.
"""

from __future__ import annotations

from archcalc.layers.scores import Scored
from archcalc.quantity import product
from archcalc.records import NamedTuple
from archcalc.running import Running
from archcalc.running.declaration import EFFICIENT, MATH

# The part of an operation.
MASK = "mask"
# Numbers that a row of a mask must be a multiple of.
_ALIGNED = 8
# An addition under autocast, of scores that a table has made fp32: bytes read, and written.
_WIDE = 4


class Added(NamedTuple):
    """What is added to scores.

    Attributes:
        elements: its numbers.
        read, written: bytes moved to make it, and to read it once.
        gradient: bytes of the scores' gradient, which is summed over the samples for a learned table.
    """

    elements: int
    read: int
    written: int
    gradient: int


def added(layer: Scored, pairs: int, places: int, batch: int, width: int, wide: int) -> Added:
    """What a layer adds to its scores.

    Args:
        pairs: all its scores.
        places: queries times keys.
        batch: samples.
        width: bytes of a number that the kernel reads.
        wide: bytes of a number of the learned table.
    """
    once, gradient = 0, 0
    if layer.relbias is not None:
        hides = layer.causal or layer.mask is not None or layer.window is not None
        elements, once = (pairs, 1) if hides else (int(product(layer.relbias.shape)), 0)
        gradient = pairs * width
    else:
        wide = width
        elements = places if layer.mask is None else layer.mask.numel * layer.mask.samples(batch)
    read, written = elements * (wide + width), elements * wide * (1 + once)
    if wide > width:
        read, written = read + elements * wide, written + elements * width
    return Added(elements, read, written, gradient)


def copied(elements: int, keys: int, width: int, running: Running) -> int | None:
    """Bytes read and written once more for the kernel that runs; None where nothing is made, as by hand."""
    if running.gpu and running.attention == MATH:
        return None
    return elements * width if running.gpu and running.attention == EFFICIENT and keys % _ALIGNED else 0


def added_by_hand(layer: object, scores: int, width: int, autocast: bool) -> int:
    """Bytes read, and written, to add tables and masks to `scores` bytes of scores, one after another.

    Under autocast the sum with a table is in fp32, and takes the place of the softmax's cast.
    """
    if not isinstance(layer, Scored):
        return 0
    hides = layer.causal or layer.mask is not None or layer.window is not None
    if layer.relbias is not None and autocast:
        return hides * scores // width * _WIDE
    return (hides + (layer.relbias is not None)) * scores
