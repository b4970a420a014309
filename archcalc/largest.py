"""The largest size within a limit, found by trying, not by a formula.

The measure grows with the size, so doubling finds a bound and bisection the exact place. Not every size is possible:
images may have to be multiples of a patch, widths multiples of the heads. Sizes are tried as far apart as allowed, and
the reason for stopping is reported.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isqrt

# No larger size is ever meant; what still fits at this one does not depend on it.
_MOST = 2**40 - 1
# More than any size that is tried.
_BEYOND = 2 * _MOST + 1
# How many guesses may close in more slowly than bisection, and how many of these may be anywhere.
_PATIENCE, _FREE = 6, 2
# Distances at which to look for another possible size: all up to a point, then common ones.
_DISTANCES = (*range(1, 65), 96, 112, 128, 192, 224, 256, 384, 512)


@dataclass(frozen=True)
class Largest:
    """The result of the search.

    Attributes:
        value: the largest size that fits; 0 if not even the smallest does.
        next: the next size, which does not fit or is not possible.
        stopped_by: why it is not possible; empty if the limit stops the search.
        unbounded: whether every size that was tried fits.
    """

    value: int
    next: int
    stopped_by: str = ""
    unbounded: bool = False


def largest(
    start: int,
    measure: Callable[[int], float | str],
    most: float,
    likely: Callable[[int, int], int | None] | None = None,
    possible: Callable[[int], str] | None = None,
) -> Largest:
    """The largest size from 1 whose measure is at most `most`.

    Args:
        start: a size that is possible.
        measure: a number that grows with the size, or why there is no such size. It is called once for each size.
        likely: a guess at the answer, from a size that fits, or 0, and one that does not; the latter is beyond all
            sizes as long as none is known. The better the guess, the fewer sizes are measured; the answer is the same.
        possible: why there is no such size, empty for one that there is, where that is known without measuring.
    """
    return _Search(start, measure, most, likely, possible).run()


class _Search:
    def __init__(
        self,
        start: int,
        measure: Callable[[int], float | str],
        most: float,
        likely: Callable[[int, int], int | None] | None,
        possible: Callable[[int], str] | None,
    ) -> None:
        self.start, self.measure, self.most, self.likely = start, measure, most, likely
        self.reason = possible or self._reason
        self.known: dict[int, float | str] = {}
        self.reasons: dict[int, str] = {}

    def run(self) -> Largest:
        near = [self._possible(self.start + 1, 1), self._possible(self.start - 1, -1)]
        step = min((abs(size - self.start) for size in near if size is not None), default=1)
        low, high = self._rise(step) if self._fits(self.start) else (self._sink(step), self.start)
        if high > _MOST:
            return Largest(low, high, unbounded=True)
        after = self._possible(low + 1, 1)
        if after is None:
            return Largest(low, low + 1, self._why_not(low + 1))
        return Largest(low, after)

    def _rise(self, step: int) -> tuple[int, int]:
        """From a start that fits: the largest size that fits, and one that does not."""
        finest = step
        while True:
            low, high = self._narrow(self.start, _BEYOND, step)
            beyond = None if high > _MOST or self._is_possible(high) else self._possible(high + 1, 1)
            if beyond is None or not self._fits(beyond):
                break
            step = beyond - self.start  # further up, possible sizes are this far apart
        if step > finest:
            low = next((size for size in range(high - 1, low, -1) if self._fits(size)), low)
        return low, high

    def _sink(self, step: int) -> int:
        """From a start that does not fit: the largest size below it that does; 0 for none."""
        high: int | None = self.start
        while high is not None:
            low, _ = self._narrow((high - 1) % step + 1 - step, high, step, below=True)
            high = self._possible(low, -1)
            if high is not None and self._fits(high):
                return high
        return 0

    def _narrow(self, low: int, high: int, step: int, below: bool = False) -> tuple[int, int]:
        """Bring `low`, which fits, and `high`, which does not, `step` together.

        With `below`, sizes that are not possible count as fitting: they are taken to be too small. Guesses are followed
        as long as they close in about as fast as bisection; a guess at a size that is not possible says nothing more.
        """
        slow, reach = 0, step
        while high - low > step:
            before, middle, is_open = high - low, (high - low) // step >> 1, high > _MOST
            guess = self.likely(max(0, low), high) if self.likely is not None else None
            if guess is not None:
                if slow == _PATIENCE and not is_open:
                    guess = isqrt(max(1, low) * high)
                apart = min(4 ** max(0, slow - _FREE), middle)  # after so many wrong guesses, nearby ones are wrong too
                ahead = min(max(apart, (guess - low) // step), (high - low) // step - apart, (_MOST - low) // step)
            elif not is_open:
                ahead = middle
            elif self.likely is None:
                ahead, reach = reach // step, 2 * reach
            else:
                last, beyond = _doubled(low, step)
                if self._fits(last):  # as does all before it
                    return last, beyond
                high = last
                continue
            size = low + max(1, ahead) * step
            is_possible = size < 1 or self._is_possible(size)
            fits = self._fits(size) or (below and not is_possible)
            if size > _MOST:
                return low, size
            low, high = (size, high) if fits else (low, size)
            if not is_possible:
                slow = _PATIENCE
            elif 2 * (high - low) <= before or (slow == _PATIENCE and not is_open):
                slow = 0
            else:
                slow += 1
        return low, high

    def _measured(self, size: int) -> float | str:
        if size not in self.known:
            self.known[size] = self.measure(size)
        return self.known[size]

    def _reason(self, size: int) -> str:
        found = self._measured(size)
        return found if isinstance(found, str) else ""

    def _why_not(self, size: int) -> str:
        if size not in self.reasons:
            self.reasons[size] = self.reason(size)
        return self.reasons[size]

    def _is_possible(self, size: int) -> bool:
        return not self._why_not(size)

    def _fits(self, size: int) -> bool:
        if size < 1:
            return False
        found = self._measured(size)
        return not isinstance(found, str) and found <= self.most

    def _possible(self, size: int, direction: int) -> int | None:
        """The possible size nearest to `size`, including itself, in one direction."""
        near = (size + direction * (distance - 1) for distance in _DISTANCES)
        return next((other for other in near if other >= 1 and self._is_possible(other)), None)


def _doubled(low: int, reach: int) -> tuple[int, int]:
    """Going up from `low` by doubling steps: the last size within what is tried, and the one beyond."""
    size = low + reach
    while size <= _MOST:
        reach *= 2
        low, size = size, size + reach
    return low, size
