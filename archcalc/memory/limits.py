"""The largest batch and the longest sequence that fit: by trying, not by a formula.

Memory grows with a size, so doubling finds a bound and halving the exact place. Not every size is
possible: images may have to be multiples of a patch, positions no more than a table holds. Sizes
are tried as far apart as the network allows, and what stops them is told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archcalc.diagnostics import SpecError
from archcalc.memory.sizes import resized, size_of
from archcalc.network.load import Graph

# No one means a larger size; what still fits here does not depend on it.
_MOST = 2**40
# Where another possible size is looked for: every distance up to a point, then common ones.
_DISTANCES = (*range(1, 65), 96, 112, 128, 192, 224, 256, 384, 512)


@dataclass(frozen=True)
class Limit:
    """The largest value of one size that fits, everything else as it is.

    Attributes:
        name: `batch` or a dim.
        value: the largest that fits; 0 where not even the smallest does.
        bytes: what is needed at `value`; 0 for none.
        next: the size after it that does not fit, or that the network cannot have.
        next_bytes: what is needed there; None where the network cannot have it.
        stopped_by: why it cannot, as its finding says; empty where memory is the limit.
        unbounded: whether memory does not grow with it.
    """

    name: str
    value: int
    bytes: int
    next: int
    next_bytes: int | None
    stopped_by: str = ""
    unbounded: bool = False


def largest(graph: Graph, name: str, bytes_of: Callable[[Graph], int], room: int) -> Limit:
    """The largest `name`, a dim or `batch`, for which `bytes_of` gives no more than `room`.

    Raises:
        RequestError: neither the batch nor a dim has this name.
    """
    return _Search(graph, name, bytes_of, room).run()


class _Search:
    def __init__(self, graph: Graph, name: str, bytes_of: Callable[[Graph], int], room: int) -> None:
        self.graph, self.name, self.bytes_of, self.room = graph, name, bytes_of, room
        self.start = size_of(graph, name)
        self.known: dict[int, int | str] = {}

    def run(self) -> Limit:
        near = [self._possible(self.start + 1, 1), self._possible(self.start - 1, -1)]
        step = min((abs(size - self.start) for size in near if size is not None), default=1)
        low, high = self._rise(step) if self._fits(self.start) else (self._sink(step), self.start)
        if high > _MOST:
            return Limit(self.name, low, self._bytes(low), high, None, unbounded=True)
        after = self._possible(low + 1, 1)
        if after is None:
            return Limit(self.name, low, self._bytes(low), low + 1, None, str(self.known[low + 1]))
        return Limit(self.name, low, self._bytes(low), after, self._bytes(after))

    def _rise(self, step: int) -> tuple[int, int]:
        """From a start that fits: the largest size that fits, and one that does not."""
        finest = step
        while True:
            low, high = self.start, self.start + step
            while self._fits(high) and high <= _MOST:
                low, high = high, high + 2 * (high - self.start)
            low, high = self._halve(low, high, step) if high <= _MOST else (low, high)
            beyond = None if self._takes(high) else self._possible(high + 1, 1)
            if beyond is None or not self._fits(beyond):
                break
            step = beyond - self.start  # further up, sizes are possible only so far apart
        if step > finest:
            low = next((size for size in range(high - 1, low, -1) if self._fits(size)), low)
        return low, high

    def _sink(self, step: int) -> int:
        """From a start that does not fit: the largest size below it that does; 0 for none."""
        high: int | None = self.start
        while high is not None:
            low, _ = self._halve((high - 1) % step + 1 - step, high, step, below=True)
            high = self._possible(low, -1)
            if high is not None and self._fits(high):
                return high
        return 0

    def _halve(self, low: int, high: int, step: int, below: bool = False) -> tuple[int, int]:
        """Bring `low`, which fits, and `high`, which does not, `step` together.

        With `below`, sizes that are not possible count as fitting: they are taken to be too small.
        """
        while high - low > step:
            middle = low + (high - low) // step // 2 * step
            if self._fits(middle) or (below and not self._takes(middle)):
                low = middle
            else:
                high = middle
        return low, high

    def _takes(self, size: int) -> bool:
        """Whether the network can have `size`."""
        if size not in self.known:
            try:
                self.known[size] = self.bytes_of(resized(self.graph, {self.name: size}))
            except SpecError as error:
                self.known[size] = error.diagnostics[0].message
        return isinstance(self.known[size], int)

    def _fits(self, size: int) -> bool:
        return size >= 1 and self._takes(size) and self._bytes(size) <= self.room

    def _bytes(self, size: int) -> int:
        """Bytes needed at a size tried before; 0 for none."""
        found = self.known.get(size, 0)
        return found if isinstance(found, int) else 0

    def _possible(self, size: int, direction: int) -> int | None:
        """The possible size nearest to `size`, itself included, in one direction."""
        near = (size + direction * (distance - 1) for distance in _DISTANCES)
        return next((other for other in near if other >= 1 and self._takes(other)), None)
