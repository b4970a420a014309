"""The largest batch and the longest sequence that fit into memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archcalc.diagnostics import SpecError
from archcalc.largest import largest
from archcalc.memory.needs import Need
from archcalc.memory.sizes import BATCH, resized, shape_error, size_of
from archcalc.network.load import Graph

if TYPE_CHECKING:
    from archcalc.cases import Cases


@dataclass(frozen=True)
class Limit:
    """The largest value of one size that fits, with everything else unchanged.

    Attributes:
        name: `batch` or a dim.
        value: the largest that fits; 0 if not even the smallest does.
        bytes: the bytes needed at `value`; 0 if `value` is 0.
        next: the next size, which does not fit or is impossible.
        next_bytes: the bytes needed there; None if it is impossible.
        stopped_by: why it is impossible, from the finding; empty if memory is the limit.
        unbounded: whether memory does not grow with it.
    """

    name: str
    value: int
    bytes: int
    next: int
    next_bytes: int | None
    stopped_by: str = ""
    unbounded: bool = False


# After building this many impossible sizes of a dim, find out at which others the same comparisons fail.
_ALONE = 2
# How many sets of comparisons are told apart.
_CASES = 8


class Others:
    """A network at other sizes. Whether a size is possible is asked often, and tried once.

    Attributes:
        graph: the network as it is.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._reasons: dict[tuple[str, int], str] = {}
        self._graphs: dict[tuple[str, int], Graph] = {}  # built but not taken yet
        self._errors: dict[str, Cases[str]] = {}
        self._failed: Counter[str] = Counter()

    def fails(self, name: str, size: int) -> str:
        """As `why_not`, but the reason may be that of another size: sizes at which the same comparisons fail share one."""
        if name == BATCH or (name, size) in self._reasons or self._failed[name] < _ALONE:
            return self.why_not(name, size)
        if name not in self._errors:
            from archcalc.cases import Cases  # few networks need it

            self._errors[name] = Cases(lambda other: shape_error(self.graph, name, other), _CASES)
        shared = self._errors[name].shared(size)
        return shared[0] if shared and shared[0] else self.why_not(name, size)

    def why_not(self, name: str, size: int) -> str:
        """Why the network cannot have this batch or dim; empty if it can."""
        key = name, size
        if key not in self._reasons:
            try:
                self._graphs[key] = resized(self.graph, {name: size})
                self._reasons[key] = ""
            except SpecError as error:
                self._reasons[key] = error.diagnostics[0].message
                self._failed[name] += 1
        return self._reasons[key]

    def take(self, name: str, size: int) -> Graph:
        """The network at a possible size; it is no longer kept here afterwards."""
        return self._graphs.pop((name, size), None) or resized(self.graph, {name: size})


def largest_size(
    graph: Graph,
    name: str,
    need_of: Callable[[Graph], Need],
    room: int,
    known: Need | None = None,
    others: Others | None = None,
) -> Limit:
    """The largest `name`, a dim or `batch`, that fits into `room`.

    What is alive at a moment is nearly linear or quadratic in the size. The size at which a curve through a few sizes
    reaches `room` is tried, and what is needed there decides.

    Args:
        known: what `graph` needs, if already computed.
        others: the same network at other sizes, if some were already tried.

    Raises:
        RequestError: neither the batch nor a dim has this name.
    """
    start = size_of(graph, name)
    search = _Search(others or Others(graph), name, need_of, room)
    if known is not None:
        search.needs[start] = known
    found = largest(start, search.measure, room, search.likely, search.possible)
    next_bytes = None if found.unbounded or found.stopped_by else int(search.measure(found.next))
    bytes = search.needs[found.value].bytes if found.value else 0
    stopped_by = search.others.why_not(name, found.next) if found.stopped_by else ""
    return Limit(name, found.value, bytes, found.next, next_bytes, stopped_by, found.unbounded)


class _Search:
    def __init__(self, others: Others, name: str, need_of: Callable[[Graph], Need], room: int) -> None:
        self.others, self.name, self.need_of, self.room = others, name, need_of, room
        self.needs: dict[int, Need] = {}

    def possible(self, size: int) -> str:
        """Why the network cannot have a size, or one like it; empty if it can."""
        return "" if size in self.needs else self.others.fails(self.name, size)

    def measure(self, size: int) -> int | str:
        """The bytes needed at a size, or why the network cannot have it."""
        reason = self.possible(size)
        if not reason and size not in self.needs:
            self.needs[size] = self.need_of(self.others.take(self.name, size))
        return reason or self.needs[size].bytes

    def likely(self, low: int, high: int) -> int | None:
        """The largest size that fits, estimated from tried sizes near the limit, if possible on both sides of it."""
        near: dict[int, int] = {}
        for size in sorted(self.needs, key=lambda size: abs(self.needs[size].bytes - self.room)):
            near.setdefault(self.needs[size].bytes, size)
        nearest, *others = near.values() if len(near) > 1 else self.needs  # equal needs do not show how they grow
        over = self.needs[nearest].bytes > self.room
        across = [size for size in others if (self.needs[size].bytes > self.room) != over]
        chosen = dict.fromkeys((*others[:1], *across[:1], *others[1:2]))
        return self.needs[nearest].likely(self.room, nearest, {size: self.needs[size] for size in [*chosen][:2]})
