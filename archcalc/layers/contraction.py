"""How torch.einsum reads two tensors: as stacks of matrices, copied if their strides do not allow that.

Source: einsum and sumproduct_pair in aten/src/ATen/native/Linear.cpp of PyTorch 2.13.
"""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.layers.strides import Strides, contiguous, iterated
from archcalc.quantity import is_single, product
from archcalc.records import NamedTuple


class Contraction(NamedTuple):
    """What einsum reads and gives.

    Attributes:
        read: for each operand, the elements read from a copy; None if it is read in place.
        result: how the result lies in memory.
    """

    read: tuple[int | None, ...]
    result: Strides


def contracted(terms: Sequence[str], right: str, operands: Sequence[Strides]) -> Contraction:
    """How einsum contracts two operands; each letter of a term stands for an axis, including that of the batch."""
    summed = sorted(set("".join(terms)) - set(right))
    aligned = [_aligned(term, [*right, *summed], one) for term, one in zip(terms, operands)]
    if len(aligned) == 1:
        (one,) = aligned
        return Contraction((None,), contiguous(one.sizes[: len(right)]) if summed else one)
    both: list[int] = []
    alone: tuple[list[int], list[int]] = ([], [])
    for axis in range(len(right), len(right) + len(summed)):
        long = [not is_single(one.sizes[axis]) for one in aligned]
        if all(long):
            both.append(axis)
        else:
            for axes, is_long in zip(alone, long):
                axes += [axis] * is_long
    shrunk = [
        contiguous([1 if axis in axes else size for axis, size in enumerate(one.sizes)]) if axes else one
        for one, axes in zip(aligned, alone)
    ]
    read = [product(one.sizes) if axes else None for one, axes in zip(shrunk, alone)]
    if not both:
        result = iterated(*shrunk)
    else:
        matrices, result = _matrices(shrunk, both)
        read = [product(one.sizes) if matrix is None else old for matrix, one, old in zip(matrices, shrunk, read)]
    return Contraction(tuple(read), result.reshaped(result.sizes[: len(right)]))


def _aligned(term: str, letters: Sequence[str], x: Strides) -> Strides:
    """The axes in the order of `letters`; missing ones have size 1."""
    places = {letter: axis for axis, letter in enumerate(term)}
    for letter in letters:
        if letter not in places:
            places[letter] = x.rank
            x = x.with_axis(x.rank)
    return x.permuted([places[letter] for letter in letters])


def _matrices(pair: Sequence[Strides], summed: Sequence[int]) -> tuple[list[Strides | None], Strides]:
    """Both operands as stacks of matrices (None if that takes a copy), and the product in the order of the axes."""
    left, right = pair
    stack: list[int] = []
    rows: list[int] = []
    columns: list[int] = []
    for axis in range(left.rank):
        if axis not in summed:
            long = [not is_single(one.sizes[axis]) for one in pair]
            (stack if all(long) else rows if long[0] else columns).append(axis)
    of_left, of_right = ([*stack, *rows, *summed, *columns], [*stack, *summed, *columns, *rows])
    groups = (stack, rows, summed), (stack, summed, columns)
    read = [
        one.permuted(order).viewed([product(one.sizes[axis] for axis in group) for group in parts])
        for one, order, parts in zip(pair, (of_left, of_right), groups)
    ]
    order = [*stack, *rows, *summed, *columns]
    sizes = [1 if axis in summed else right.sizes[axis] if axis in columns else left.sizes[axis] for axis in order]
    return read, contiguous(sizes).permuted([order.index(axis) for axis in range(left.rank)])
