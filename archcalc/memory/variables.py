"""The variables of a written function: into which one the output of a step goes, and what that releases."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Iterator


class Variables:
    """The variables of one function while its steps run in order. A key stands for a tensor.

    The output of a step goes into the first variable that is not read again: `x`, `y`, `z`, `x1`, `x2` and so on.

    Args:
        last: for each key, the index of the last step that reads it.
        given: the keys that the function starts from, in `x`.
    """

    def __init__(self, last: dict[int, int], given: set[int]) -> None:
        self._last = last
        self._holds: dict[str, set[int]] = {}
        self._until: dict[str, int] = {}  # the last step that reads what each variable holds
        self._holders: dict[int, int] = {}
        self._unused = itertools.count()
        self._free: list[int] = []  # a heap of variables, by their place in the order
        self.chosen: list[str] = []  # the variables that outputs went into, in order
        self._ending: defaultdict[int, list[int]] = defaultdict(list)  # the variables that become free at each step
        if given:
            self._ending[max(0, self._put("x", given))].append(next(self._unused))

    def take(self, index: int, wanted: str | None, keys: set[int]) -> set[int]:
        """Put the output of step `index` into a variable, `wanted` if that is free; returns the keys it held before."""
        for place in self._ending.pop(index, ()):
            heapq.heappush(self._free, place)
        if wanted is not None and self._until.get(wanted, -1) <= index:
            before = self._holds.get(wanted, set())
            self._put(wanted, keys)
            self.chosen.append(wanted)
            return before
        while True:
            place = heapq.heappop(self._free) if self._free else next(self._unused)
            name = "xyz"[place] if place < 3 else f"x{place - 2}"
            if self._until.get(name, -1) <= index:
                break
            self._ending[self._until[name]].append(place)  # a layer has this name
        before = self._holds.get(name, set())
        self._ending[max(index + 1, self._put(name, keys))].append(place)
        self.chosen.append(name)
        return before

    def is_left(self, key: int) -> bool:
        """Whether a key is left over from the previous step of a loop."""
        return False

    def hold(self, key: int) -> bool:
        """Whether a variable holds a key."""
        return self._holders.get(key, 0) > 0

    def held(self) -> Iterator[int]:
        """The keys that variables hold."""
        return (key for key, holders in self._holders.items() if holders)

    def _put(self, name: str, keys: set[int]) -> int:
        for key in self._holds.get(name, ()):
            self._holders[key] -= 1
        for key in keys:
            self._holders[key] = self._holders.get(key, 0) + 1
        self._holds[name] = keys
        until = max([self._last.get(key, -1) for key in keys], default=-1)
        self._until[name] = until
        return until


class LoopVariables(Variables):
    """The variables of a loop body: those of the first step keep its outputs until later steps overwrite them."""

    def __init__(self, last: dict[int, int], given: set[int]) -> None:
        super().__init__(last, given)
        self._order: Iterator[str] | None = None
        self._left: set[int] = set()

    def next_step(self) -> None:
        """Begin the next step of the loop."""
        self._order, self._left = iter(self.chosen), set(self.held())

    def take(self, index: int, wanted: str | None, keys: set[int]) -> set[int]:
        """Put the output of a step into the variable that it had in the first run."""
        self._left -= keys
        if self._order is None:
            return super().take(index, wanted, keys)
        name = next(self._order)
        before = self._holds.get(name, set())
        self._put(name, keys)
        return before - keys

    def is_left(self, key: int) -> bool:
        """Whether a key is left over from the previous step."""
        return key in self._left
