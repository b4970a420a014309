"""Where a constant added to each channel has no effect, because all readers remove it again."""

from __future__ import annotations

from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node
from archcalc.rules.model import Model, normalises_channels


def shiftless(model: Model) -> set[int]:
    """The ids of the layers whose output may be shifted, each channel by its own constant, without any effect.

    All layers are candidates at first; those with a reader that notices a shift are removed. This also
    settles copies of a `repeat`, which read one another, from the last to the first.
    """
    found = {id(placed.node) for placed in model.layers}
    changed = True
    while changed:
        changed = False
        for placed in reversed(model.layers):
            node = placed.node
            if id(node) in found and not _unnoticed(model, node, found):
                found.discard(id(node))
                changed = True
    return found


def norms_after(model: Model) -> dict[int, Node]:
    """For each layer id, the nearest later norm of channels; missing if no path leads to one."""
    readers = {id(placed.node): model.readers(placed.node) for placed in model.layers}
    before: dict[int, list[int]] = {}
    for node, those in readers.items():
        for reader in those:
            before.setdefault(id(reader), []).append(node)
    found = {node: norm for node, those in readers.items() if (norm := next(filter(normalises_channels, those), None))}
    pending = list(found)
    while pending:  # one layer further away each time
        further = dict.fromkeys(node for one in pending for node in before.get(one, ()) if node not in found)
        found |= {node: next(found[id(one)] for one in readers[node] if id(one) in found) for node in further}
        pending = list(further)
    return found


def _unnoticed(model: Model, node: Node, found: set[int]) -> bool:
    readers = model.readers(node)
    return bool(readers) and all(
        normalises_channels(reader) or (id(reader) in found and _passes(reader, node.exit)) for reader in readers
    )


def _passes(node: Node, tensor: Tensor) -> bool:
    return node.layer is not None and node.layer.passes_shift(tensor, node.exit, *node.inputs)
