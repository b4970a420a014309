"""Products of 16-bit matrices as oneDNN computes them on an x86 CPU with AVX-512.

It packs a block of the second matrix and adds up a block of the result in fp32; of a batch of products it wants both
sides in order. Measured with PyTorch 2.13 and oneDNN 3.12.
"""

from __future__ import annotations

from archcalc.layers.kernels.onednn_threads import BLOCK, up
from archcalc.layers.saved import Saving
from archcalc.layers.strides import Strides, are_rows
from archcalc.quantity import product

# Columns of a block of the result, rows of one at most, and how far a block goes in what is summed over.
_COLUMNS, _ROWS, _DEEP, _DEEPER = 64, 256, 512, 1024
# Products up to which PyTorch does not call oneDNN.
_FEW = 16 * 16 * 16
# What its room has beside the blocks, and more for each thread.
_ROOM, _OF_THREAD = 384, 640


def is_narrow(how: Saving) -> bool:
    """Whether the CPU computes with 16-bit numbers."""
    return how.width == 2 and not how.gpu


def room(how: Saving, rows: int, depth: int, columns: int) -> int:
    """Bytes of the blocks of one product, for all threads."""
    if not is_narrow(how) or rows * depth * columns <= _FEW:
        return 0
    blocks = -(-columns // _COLUMNS)
    if blocks % how.threads:  # threads share rows
        rows = max(min(rows, BLOCK), -(-rows // how.threads))
    rows = -(-rows // -(-rows // _ROWS))
    deep = min(up(depth, 32), _DEEPER if depth >= 2 * _DEEPER else _DEEP)
    summed = rows * min(columns, _COLUMNS) * 4
    return how.threads * (summed + deep * _COLUMNS * how.width + _OF_THREAD) + _ROOM


def mapping(how: Saving, x: Strides, depth: int, columns: int) -> int:
    """Bytes that a linear map of vectors needs forward, beside the vectors and what it gives.

    Where nothing is learned of the weights, or of the copies of them that autocast makes at inference, vectors which
    are no rows of one matrix are not copied to be such: each sequence is multiplied by itself, with the weights copied
    for every one of them. Source: should_fold in aten/src/ATen/native/LinearAlgebra.cpp.
    """
    sequences, positions = product(x.numbers[:-2]), product(x.numbers[-2:-1])
    if are_rows(x) or (how.learns and (how.training or not how.casts)):
        return room(how, sequences * positions, depth, columns)
    if not is_narrow(how) or sequences * positions * depth * columns <= _FEW:
        return 0
    copies = (sequences * positions * depth + sequences * depth * columns) * how.width
    return copies + room(how, positions, depth, columns)
