"""The largest batch and the longest sequence that fit into memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archcalc.diagnostics import SpecError
from archcalc.largest import largest
from archcalc.memory.needs import Need
from archcalc.memory.sizes import resized, size_of
from archcalc.network.load import Graph


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


def largest_size(
    graph: Graph, name: str, need_of: Callable[[Graph], Need], room: int, known: Need | None = None
) -> Limit:
    """The largest `name`, a dim or `batch`, for which no more than `room` is needed.

    What is alive at a moment is nearly a line in the size: where the lines through two sizes meet the room is tried,
    and what is needed there decides.

    Args:
        known: what `graph` needs, where that was found before.

    Raises:
        RequestError: neither the batch nor a dim has this name.
    """
    start = size_of(graph, name)
    search = _Search(graph, name, need_of, room)
    if known is not None:
        search.needs[start] = known
    found = largest(start, search.measure, room, search.likely, search.possible)
    next_bytes = None if found.unbounded or found.stopped_by else int(search.measure(found.next))
    bytes = search.needs[found.value].bytes if found.value else 0
    return Limit(name, found.value, bytes, found.next, next_bytes, found.stopped_by, found.unbounded)


class _Search:
    def __init__(self, graph: Graph, name: str, need_of: Callable[[Graph], Need], room: int) -> None:
        self.graph, self.name, self.need_of, self.room = graph, name, need_of, room
        self.needs: dict[int, Need] = {}
        self.graphs: dict[int, Graph] = {}  # built, and not measured so far

    def possible(self, size: int) -> str:
        """Why the network cannot have a size; empty where it can."""
        if size in self.needs or size in self.graphs:
            return ""
        try:
            self.graphs[size] = resized(self.graph, {self.name: size})
        except SpecError as error:
            return error.diagnostics[0].message
        return ""

    def measure(self, size: int) -> int | str:
        """The bytes needed at a size, or why the network cannot have it."""
        reason = self.possible(size)
        if not reason and size not in self.needs:
            self.needs[size] = self.need_of(self.graphs.pop(size))
        return reason or self.needs[size].bytes

    def likely(self, low: int, high: int) -> int | None:
        """The largest size that fits, as far as the two that were measured next to it tell."""
        near = sorted(self.needs, key=lambda size: abs(self.needs[size].bytes - self.room))[:2]
        *_, earlier, size = [0, *sorted(near)]
        return self.needs[size].likely(self.room, size, self.needs.get(earlier), earlier)
