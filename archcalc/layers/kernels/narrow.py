"""Products of 16-bit matrices as oneDNN computes them on an x86 CPU with AVX-512.

It packs a block of the second matrix and sums a block of the result in fp32; for a batch of products, both sides must
be contiguous. Measured with PyTorch 2.13 and oneDNN 3.12.
"""

from __future__ import annotations

from archcalc.layers.kernels import narrow_blocks
from archcalc.layers.saved import Saving
from archcalc.layers.strides import Strides, are_rows
from archcalc.quantity import product

# Products up to which PyTorch does not call oneDNN.
_FEW = 16 * 16 * 16
# What its workspace has in addition to the blocks, plus more if the first matrix is transposed, and for each thread.
_ROOM, _TURNED, _OF_THREAD = 384, 128, 640
# Bytes of a number in fp32.
_WIDE = 4


def is_narrow(how: Saving) -> bool:
    """Whether the CPU computes with 16-bit numbers."""
    return how.width == 2 and not how.gpu


def room(how: Saving, rows: int, depth: int, columns: int, turned: bool = False) -> int:
    """Bytes of the blocks of one product, for all threads; `turned` where the columns of the first matrix lie in order."""
    if not is_narrow(how) or rows * depth * columns <= _FEW:
        return 0
    blocks = narrow_blocks.room(rows, depth, columns, how.threads, turned)
    return blocks + _ROOM + _TURNED * turned + _OF_THREAD * how.threads


def mapping_back(how: Saving, positions: int, features: int, outputs: int, biased: bool, needed: bool) -> int:
    """Bytes that backward of a linear map of vectors needs, in addition to the gradients of vectors and weights.

    With a bias, the gradient of the vectors comes first, else that of the weights.

    Args:
        biased: whether PyTorch adds a bias in the product itself; needed: whether the gradient of the vectors is.
    """
    of_vectors = room(how, positions, outputs, features) if needed else 0
    of_weights = room(how, outputs, positions, features, turned=True) if how.learns else 0
    if biased:
        return max(of_vectors - outputs * features * how.width * how.learns, of_weights)
    return max(of_weights - positions * features * how.width * needed, of_vectors)


def mapping(how: Saving, x: Strides, depth: int, columns: int) -> int:
    """Bytes that a linear map of vectors needs forward, in addition to the vectors and its output.

    If the weights, or autocast's copies of them at inference, are not trained, vectors that are not rows of one matrix
    are not copied into one: each sequence is multiplied separately, with the weights copied for each. Source:
    should_fold in aten/src/ATen/native/LinearAlgebra.cpp.
    """
    sequences, positions = product(x.numbers[:-2]), product(x.numbers[-2:-1])
    if are_rows(x) or (how.learns and (how.training or not how.casts)):
        return room(how, sequences * positions, depth, columns)
    if not is_narrow(how) or sequences * positions * depth * columns <= _FEW:
        return 0
    copies = (sequences * positions * depth + sequences * depth * columns) * how.width
    return copies + room(how, positions, depth, columns)


def norming(how: Saving, kind: bool | str, sizes: tuple[int, int, int, int], projected: int) -> int:
    """Bytes besides those projected while the CPU norms 16-bit queries or keys: three tensors in fp32.

    They are what is normed, what that is divided to, and what that is scaled to, or in the order of the axes. With
    `kind` "width", keys are not made when queries are normed, nor are values when keys are.

    Args:
        sizes: heads of all samples, queries, keys and features of a head.
        projected: bytes of queries, keys and values.
    """
    if not kind or how.gpu or how.width >= _WIDE:
        return 0
    heads, queries, _, head = sizes
    asked = heads * queries * head * how.width
    known, times = (projected - asked) // 2, 3 * _WIDE // how.width
    if kind == "width":
        return max(times * asked - 2 * known, (times - 1) * known)
    return times * max(asked, known)
