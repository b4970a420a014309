"""Products of 16-bit matrices as oneDNN computes them on an x86 CPU with AVX-512.

oneDNN packs a block of the second matrix and sums a block of the result in fp32; for a batch of products, both operands
must be contiguous. Measured with PyTorch 2.13 and oneDNN 3.12.
"""

from __future__ import annotations

from archcalc.layers.kernels import narrow_blocks
from archcalc.layers.saved import Saving
from archcalc.layers.strides import Strides, are_rows
from archcalc.quantity import product

# Up to this many multiplications, PyTorch does not call oneDNN.
_FEW = 16 * 16 * 16
# Bytes of its workspace in addition to the blocks: always, if the first matrix is transposed, and for each thread.
_ROOM, _TURNED, _OF_THREAD = 384, 128, 640
# Bytes of a number in fp32.
_WIDE = 4


def is_narrow(how: Saving) -> bool:
    """Whether the CPU computes with 16-bit numbers."""
    return how.width == 2 and not how.gpu


def room(how: Saving, rows: int, depth: int, columns: int, turned: bool = False) -> int:
    """Bytes of the blocks of one product, for all threads; `turned`: the first matrix is stored column by column."""
    if not is_narrow(how) or rows * depth * columns <= _FEW:
        return 0
    blocks = narrow_blocks.room(rows, depth, columns, how.threads, turned)
    return blocks + _ROOM + _TURNED * turned + _OF_THREAD * how.threads


def mapping_back(how: Saving, positions: int, features: int, outputs: int, biased: bool, needed: bool) -> int:
    """Bytes that the backward pass of a linear map needs, in addition to the gradients of its vectors and weights.

    With a bias, the gradient of the vectors is computed first; without one, that of the weights.

    Args:
        positions: number of vectors; features, outputs: elements of a vector before and after.
        biased: whether PyTorch adds a bias as part of the product.
        needed: whether the gradient of the vectors is computed.
    """
    of_vectors = room(how, positions, outputs, features) if needed else 0
    of_weights = room(how, outputs, positions, features, turned=True) if how.learns else 0
    if biased:
        return max(of_vectors - outputs * features * how.width * how.learns, of_weights)
    return max(of_weights - positions * features * how.width * needed, of_vectors)


def mapping(how: Saving, x: Strides, depth: int, columns: int) -> int:
    """Bytes that a linear map of vectors needs forward, in addition to the vectors and its output.

    If neither the weights nor autocast's copies of them are trained, vectors that are not the rows of one matrix are not
    copied into one: each sequence is multiplied separately, with its own copy of the weights.
    Source: should_fold in aten/src/ATen/native/LinearAlgebra.cpp.
    """
    sequences, positions = product(x.numbers[:-2]), product(x.numbers[-2:-1])
    if are_rows(x) or (how.learns and (how.training or not how.casts)):
        return room(how, sequences * positions, depth, columns)
    if not is_narrow(how) or sequences * positions * depth * columns <= _FEW:
        return 0
    copies = (sequences * positions * depth + sequences * depth * columns) * how.width
    return copies + room(how, positions, depth, columns)


def norming(how: Saving, kind: bool | str, sizes: tuple[int, int, int, int], projected: int) -> int:
    """Bytes in addition to the projections while the CPU normalises 16-bit queries or keys: three fp32 tensors.

    These are the input, the quotient, and the scaled result. With `kind` "width", the keys do not exist yet while the
    queries are normalised, nor the values while the keys are.

    Args:
        kind: `qknorm` of the layer.
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
