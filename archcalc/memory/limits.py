"""The largest batch and the longest sequence that fit into memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from archcalc.diagnostics import SpecError
from archcalc.largest import largest
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


def largest_size(graph: Graph, name: str, bytes_of: Callable[[Graph], int], room: int) -> Limit:
    """The largest `name`, a dim or `batch`, for which `bytes_of` gives no more than `room`.

    Raises:
        RequestError: neither the batch nor a dim has this name.
    """
    needed: dict[int, int] = {}

    def measure(size: int) -> int | str:
        try:
            needed[size] = bytes_of(resized(graph, {name: size}))
        except SpecError as error:
            return error.diagnostics[0].message
        return needed[size]

    found = largest(size_of(graph, name), measure, room)
    after = None if found.unbounded else needed.get(found.next)
    bytes = needed.get(found.value, 0)
    return Limit(name, found.value, bytes, found.next, after, found.stopped_by, found.unbounded)
