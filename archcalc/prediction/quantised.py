"""Products with quantised matrices: what they read, and the copies in the compute type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archcalc.memory.stored import Stored
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.prediction.operations import Operation
from archcalc.running import Running


def as_stored(graph: Graph, found: Iterable[Operation], running: Running) -> Iterator[Operation]:
    """The operations, with the bytes of their matrices as stored.

    If a matrix is dequantised for its product, a copy is written and read.
    """
    stored, width = Stored(graph, running), running.types.width
    shares: dict[int, tuple[float, bool]] = {}
    for one in found:
        key = id(one.node)
        if key not in shares:
            shares[key] = _share(one.node, stored, width)
        share, is_expanded = shares[key]
        read = int(one.weight_bytes * share)
        copied = 2 * one.weight_bytes * is_expanded
        yield one.but(weight_bytes=read + copied, unpacks=not is_expanded) if share != 1 else one


def _share(node: Node, stored: Stored, width: int) -> tuple[float, bool]:
    """The size of a node's matrices relative to that in the common type, and whether they are dequantised."""
    kind = stored.running.stored
    if kind is None or not stored.is_quantised(node):
        return 1, False
    owned = (*node.params.values(), *(owner.params.get(name, ()) for name, owner in node.tied.items()))
    shapes = [[int(size) for size in shape] for shape in owned if len(shape) == 2]
    whole = sum(rows * columns for rows, columns in shapes) * width
    share = sum(kind.stored(shape) for shape in shapes) / whole if whole else 1
    return share, stored.running.trains or kind.expands
