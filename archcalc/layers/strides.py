"""How the elements of a tensor lie in memory: the stride of each axis, as in PyTorch.

A view has other strides on the same memory; elementwise results are laid out like their inputs; many kernels copy
tensors that are not contiguous. An axis of size 1 may have any stride, so sizes of 1 can decide whether a copy is made.
Source: TensorIterator.cpp and TensorUtils.cpp of ATen, and c10/core/MemoryFormat.h of PyTorch 2.13.
"""

from __future__ import annotations

from collections.abc import Sequence

from archcalc.lazy import lazy
from archcalc.quantity import is_single, product

Sizes = tuple[int, ...]


class Strides:
    """Where the elements of a tensor are.

    Attributes:
        sizes: the sizes of its axes, the batch first.
        steps: for each axis, the elements from one position to the next; 0 if one element stands for all.
        in_order: whether the tensor is contiguous whatever its sizes.
    """

    def __init__(self, sizes: Sequence[int], steps: Sequence[int], in_order: bool = False) -> None:
        self.sizes = tuple(sizes)
        self.steps = tuple(steps)
        self.in_order = in_order
        self.numbers = tuple(map(int, sizes))
        if not in_order:
            for size in sizes:
                is_single(size)  # noted, since it may matter

    @property
    def rank(self) -> int:
        """The number of axes."""
        return len(self.sizes)

    @lazy
    def is_contiguous(self) -> bool:
        """Whether the elements lie in the order of the axes, without gaps."""
        return self.in_order or self._follow(range(self.rank))

    @lazy
    def is_dense(self) -> bool:
        """Whether the elements fill a block of memory, in some order of the axes, without gaps or overlaps."""
        if self.is_contiguous:
            return True
        return self._follow(sorted(range(self.rank), key=lambda axis: (self.numbers[axis] > 1, -self.steps[axis])))

    @lazy
    def suggests_channels_last(self) -> bool:
        """Whether kernels for images and volumes treat the tensor as channels last."""
        if self.rank not in (4, 5) or not self.steps[1]:
            return False
        least = 0
        for axis in (1, *range(self.rank - 1, 1, -1), 0):
            step, size = self.steps[axis], self.numbers[axis]
            if not size or step < least or (axis == 0 and least == self.steps[1]):
                return False
            least = step * max(size, 1)
        return True

    @property
    def is_channels_last(self) -> bool:
        """Whether the channels of an image or a volume lie last, without gaps."""
        return self.rank in (4, 5) and self._follow((0, *range(2, self.rank), 1))

    def _follow(self, order: Sequence[int]) -> bool:
        """Whether the axes, the outermost first, are nested without gaps."""
        expected = 1
        for axis in reversed(order):
            if self.numbers[axis] != 1:
                if self.steps[axis] != expected:
                    return False
                expected *= self.numbers[axis]
        return True

    # -- views ------------------------------------------------------------------------------

    def viewed(self, sizes: Sequence[int]) -> Strides | None:
        """The same memory in other sizes; None if no strides express it. Source: computeStride in TensorUtils.cpp."""
        if self.in_order:
            return contiguous(sizes)
        old, new = self.numbers, tuple(map(int, sizes))
        steps = [1] * len(new)
        at, base, elements, seen = len(new) - 1, self.steps[-1], 1, 1
        for axis in reversed(range(self.rank)):
            elements *= old[axis]
            if axis and (old[axis - 1] == 1 or self.steps[axis - 1] == elements * base):
                continue  # the axis before encloses this one
            while at >= 0 and (seen < elements or new[at] == 1):
                steps[at] = seen * base
                seen *= new[at]
                at -= 1
            if seen != elements:
                return None
            if axis:
                base, elements, seen = self.steps[axis - 1], 1, 1
        return Strides(sizes, steps) if at < 0 else None

    def reshaped(self, sizes: Sequence[int]) -> Strides:
        """The elements in other sizes: a view if possible, else a copy."""
        return self.viewed(sizes) or contiguous(sizes)

    def flattened(self, start: int, end: int) -> Strides:
        """The axes from `start` to `end` as one: a view if possible, else a copy."""
        return self if start == end else self.reshaped(joined(self.sizes, start, end))

    def squeezed(self, axis: int) -> Strides:
        """Without one axis of size 1."""
        one = self.selected(axis)
        return Strides(one.sizes, one.steps, self.in_order)

    def split(self, axis: int, sizes: Sequence[int]) -> Strides:
        """An axis as several."""
        return self.reshaped((*self.sizes[:axis], *sizes, *self.sizes[axis + 1 :]))

    def permuted(self, order: Sequence[int]) -> Strides:
        """The axes in another order."""
        moved = self.in_order and tuple(order) == tuple(range(self.rank))
        return Strides([self.sizes[axis] for axis in order], [self.steps[axis] for axis in order], moved)

    def transposed(self, a: int, b: int) -> Strides:
        """Two axes swapped."""
        order = list(range(self.rank))
        order[a], order[b] = order[b], order[a]
        return self.permuted(order)

    def moved(self, start: int, end: int) -> Strides:
        """An axis put in another place."""
        order = list(range(self.rank))
        order.insert(end % self.rank, order.pop(start))
        return self.permuted(order)

    def cut(self, axis: int, size: int, step: int = 1) -> Strides:
        """A range of positions of an axis, or every `step`-th of them."""
        sizes = (*self.sizes[:axis], size, *self.sizes[axis + 1 :])
        steps = (*self.steps[:axis], self.steps[axis] * step, *self.steps[axis + 1 :])
        # Compared as a traced number, so that the comparison is noted: every second row of an even number of rows can be
        # viewed as one axis with the axis before; of an odd number, it cannot.
        is_whole = size * step == self.sizes[axis]
        return Strides(sizes, steps, self.in_order and is_whole and step == 1)

    def selected(self, axis: int) -> Strides:
        """One position of an axis, without that axis."""
        return Strides(
            (*self.sizes[:axis], *self.sizes[axis + 1 :]),
            (*self.steps[:axis], *self.steps[axis + 1 :]),
            self.in_order and axis == 0,
        )

    def with_axis(self, axis: int) -> Strides:
        """With one more axis, of size 1."""
        step = self.numbers[axis] * self.steps[axis] if axis < self.rank else 1
        return Strides(
            (*self.sizes[:axis], 1, *self.sizes[axis:]), (*self.steps[:axis], step, *self.steps[axis:]), self.in_order
        )

    def expanded(self, sizes: Sequence[int]) -> Strides:
        """With axes of size 1 repeated, and new axes in front; `sizes` are those of all axes."""
        if tuple(map(int, sizes)) == self.numbers:
            return self
        new = len(sizes) - self.rank
        steps: list[int] = []
        for axis in reversed(range(len(sizes))):
            size = int(sizes[axis])
            before = self.numbers[axis - new] if axis >= new else 1
            step = self.steps[axis - new] if axis >= new else int(sizes[axis + 1]) * steps[-1] if steps else 1
            steps.append(0 if before == 1 != size else step)
        return Strides(sizes, steps[::-1])

    # -- new memory -------------------------------------------------------------------------

    def formatted(self, sizes: Sequence[int]) -> Strides:
        """A new tensor in the format that this one suggests: channels last, or contiguous."""
        return channels_last(sizes) if self.suggests_channels_last else contiguous(sizes)

    def like(self) -> Strides:
        """A new tensor laid out like this one, as torch.empty_like makes it."""
        return Strides(self.sizes, self.steps, self.in_order) if self.is_dense else iterated(self)

    @property
    def has_format(self) -> bool:
        """Whether the elements lie in the suggested format."""
        return self.is_channels_last if self.suggests_channels_last else self.is_contiguous


# A number used next to tensors.
NUMBER = Strides((), (), True)


def joined(sizes: Sequence[int], start: int, end: int) -> Sizes:
    """The sizes with the axes from `start` to `end` as one."""
    return (*sizes[:start], product(sizes[start : end + 1]), *sizes[end + 1 :])


def contiguous(sizes: Sequence[int]) -> Strides:
    """A contiguous tensor of these sizes."""
    return Strides(sizes, _steps(sizes, range(len(sizes))), True)


def channels_last(sizes: Sequence[int]) -> Strides:
    """An image or a volume stored channels last."""
    return Strides(sizes, _steps(sizes, (0, *range(2, len(sizes)), 1)))


def _steps(sizes: Sequence[int], order: Sequence[int]) -> tuple[int, ...]:
    """Strides of nested axes, the outermost first."""
    steps, step = [0] * len(sizes), 1
    for axis in reversed(order):
        steps[axis] = step
        step *= max(1, int(sizes[axis]))
    return tuple(steps)


def iterated(*operands: Strides) -> Strides:
    """The result of an elementwise operation on broadcast operands. Source: TensorIterator.cpp."""
    if len(operands) == 1 and operands[0].in_order:
        return contiguous(operands[0].sizes)
    rank = max(one.rank for one in operands)
    widened = [((1,) * (rank - one.rank) + one.numbers, (0,) * (rank - one.rank) + one.steps) for one in operands]
    sizes = [
        next((size for size in reversed(column) if int(size) != 1), column[-1])
        for column in zip(*((1,) * (rank - one.rank) + one.sizes for one in operands))
    ]
    numbers = tuple(map(int, sizes))
    alike = all(one.numbers == numbers for one in operands)
    if all(one.in_order for one in operands) or (alike and all(one.is_contiguous for one in operands)):
        return Strides(sizes, _steps(sizes, range(rank)), all(one.in_order for one in operands))
    if alike and rank == 4 and all(one.is_channels_last for one in operands):
        return channels_last(sizes)
    if alike and all(one.is_dense and one.steps == operands[0].steps for one in operands):
        return Strides(sizes, operands[0].steps)
    stepping = [
        [0 if before == 1 != size else step for before, size, step in zip(own, numbers, steps)]
        for own, steps in widened
    ]
    order = list(range(rank - 1, -1, -1))  # the innermost first
    for start in range(1, rank):
        at = start
        for other in range(start - 1, -1, -1):
            swap = _swaps(order[other], order[at], numbers, stepping)
            if swap > 0:
                order[other], order[at] = order[at], order[other]
                at = other
            elif swap < 0:
                break
    return Strides(sizes, _steps(sizes, order[::-1]))


def _swaps(a: int, b: int, sizes: Sizes, stepping: list[list[int]]) -> int:
    """1 if axis `a` encloses axis `b`, -1 if the reverse, 0 if no operand decides."""
    for steps in stepping:
        if not steps[a] or not steps[b]:
            continue  # broadcast
        if steps[a] != steps[b]:
            return 1 if steps[a] > steps[b] else -1
        if sizes[a] > sizes[b]:
            return 1
    return 0


def are_rows(x: Strides) -> bool:
    """Whether the vectors along the last axis can be the rows of one matrix, which a product reads without a copy."""
    return x.rank < 3 or x.viewed(joined(x.sizes, 0, x.rank - 2)) is not None


def imaged(x: Strides, sizes: Sequence[int]) -> Strides:
    """The output of a kernel for images or volumes, in the memory format of its input `x`.

    A signal of one spatial axis is read as an image of one row.
    """
    if x.rank != 3:
        return x.formatted(sizes)
    return x.with_axis(2).formatted((*sizes[:2], 1, *sizes[2:])).squeezed(2)


def concatenated(operands: Sequence[Strides], sizes: Sequence[int]) -> Strides:
    """The output of torch.cat: channels last if all operands suggest it."""
    return channels_last(sizes) if all(one.suggests_channels_last for one in operands) else contiguous(sizes)
