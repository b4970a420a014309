"""Where the elements of a view lie in the tensor that it views, as sizes and strides.

An axis is made of parts, slowest first: for 12 heads of 64 features, `(12, 64), (64, 1)`. Views are followed without
looking at a single element.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

Part = tuple[int, int]


class Places:
    """The place of the first element, and the parts of each axis: how many, and how far apart."""

    __slots__ = ("axes", "first")

    def __init__(self, axes: Iterable[Iterable[Part]], first: int) -> None:
        self.axes = [_joined(axis) for axis in axes]
        self.first = first

    @classmethod
    def whole(cls, sizes: Sequence[int]) -> Places:
        """A tensor by itself."""
        return cls(([(size, prod(sizes[axis + 1 :]))] for axis, size in enumerate(sizes)), 0)

    def sizes(self) -> list[int]:
        """The length of each axis."""
        return [prod(size for size, _ in axis) for axis in self.axes]

    def strides(self) -> list[int | None] | None:
        """The stride of each axis, None for an axis of size 1; None altogether if an axis has no single stride."""
        if any(len(axis) > 1 for axis in self.axes):
            return None
        return [axis[0][1] if axis else None for axis in self.axes]

    def ordered(self, order: Sequence[int]) -> Places:
        """Axes in another order."""
        return Places((self.axes[axis] for axis in order), self.first)

    def reshaped(self, sizes: Sequence[int]) -> Places | None:
        """The same elements along other axes; None if an axis would begin or end within a part that does not divide."""
        left = _joined(part for axis in self.axes for part in axis)[::-1]
        axes: list[list[Part]] = []
        for size in sizes:
            axis: list[Part] = []
            while size > 1:
                if not left:
                    return None
                count, stride = left.pop()
                if count > size:
                    if count % size:
                        return None
                    rest = count // size
                    left.append((rest, stride))
                    count, stride = size, stride * rest
                if size % count:
                    return None
                axis.append((count, stride))
                size //= count
            axes.append(axis)
        return None if left else Places(axes, self.first)

    def expanded(self, sizes: Sequence[int]) -> Places:
        """The same elements repeated along axes of size 1, which may be new ones in front."""
        axes: list[list[Part]] = [[]] * (len(sizes) - len(self.axes)) + self.axes
        return Places((axis or [(size, 0)] for axis, size in zip(axes, sizes)), self.first)

    def selected(self, axis: int, index: int) -> Places | None:
        """One position of an axis, which is removed."""
        taken = self.sliced(axis, range(index % self.sizes()[axis], index % self.sizes()[axis] + 1))
        return None if taken is None else Places((*taken.axes[:axis], *taken.axes[axis + 1 :]), taken.first)

    def sliced(self, axis: int, taken: range) -> Places | None:
        """Some positions of an axis."""
        parts = self.axes[axis]
        if len(taken) == prod(size for size, _ in parts):
            return self
        if len(taken) == 1:
            first, index = self.first, taken[0]
            for size, stride in reversed(parts):
                first += index % size * stride
                index //= size
            return self._with(axis, [], first)
        slow, fast = parts[0], prod(size for size, _ in parts[1:])
        if taken.start % fast or len(taken) % fast or (fast > 1 and taken.step != 1):
            return None
        kept = (len(taken) // fast, slow[1] * taken.step)
        return self._with(axis, [kept, *parts[1:]], self.first + taken.start // fast * slow[1])

    def _with(self, axis: int, parts: list[Part], first: int) -> Places:
        return Places((*self.axes[:axis], parts, *self.axes[axis + 1 :]), first)


def _joined(parts: Iterable[Part]) -> list[Part]:
    """The parts without those of size 1, and with contiguous ones merged."""
    found: list[Part] = []
    for size, stride in parts:
        if size == 1:
            continue
        if found and found[-1][1] == size * stride:
            found[-1] = (found[-1][0] * size, stride)
        else:
            found.append((size, stride))
    return found
