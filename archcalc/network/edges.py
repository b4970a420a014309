"""The edges of a graph in both directions: which layer makes a tensor, and which layers read it."""

from __future__ import annotations

from collections.abc import Iterable

from archcalc.layers.merge import Residual
from archcalc.layers.tensor import Alias, Tensor
from archcalc.network.graph import Node, walk


class Edges:
    """Who makes a tensor and who reads it.

    Copies of a `repeat` are stored once: a copy's output is read by the first layers of the next copy, which is the
    same node, and after the last copy by what follows.
    """

    def __init__(self, nodes: list[Node]) -> None:
        self._producers: dict[int, Node] = {}
        self._consumers: dict[int, list[Node]] = {}
        self._reading: set[tuple[int, int]] = set()  # a tensor's name and its reader's id
        self._same: dict[int, int] = {}
        self._fed_twice: set[int] = set()  # read by the first of several copies only
        self._index(nodes)

    def producer(self, tensor: Tensor) -> Node | None:
        """The layer whose output `tensor` is; None for an input, or if it differs between copies."""
        while id(tensor) not in self._fed_twice:
            if not isinstance(tensor, Alias):
                return self._producers.get(self.name(tensor))
            tensor = tensor.origin
        return None

    def consumers(self, tensor: Tensor) -> list[Node]:
        """Every layer that reads `tensor`."""
        return self._consumers.get(self.name(tensor), [])

    def name(self, tensor: Tensor) -> int:
        """A number that identifies a tensor, the same at all its places in the graph."""
        key = id(tensor)
        while key in self._same:
            key = self._same[key]
        return key

    def leading_to(self, outputs: Iterable[Tensor]) -> set[int]:
        """The ids of the layers that any of `outputs` depends on."""
        ends = {self.name(tensor) for tensor in outputs}
        layers = {id(node): node for node in self._producers.values()}.values()
        before: dict[int, list[Node]] = {}
        for node in layers:
            for part in parts(node):
                for reader in self.consumers(part):
                    before.setdefault(id(reader), []).append(node)
        found: set[int] = set()
        pending = [node for node in layers if any(self.name(part) in ends for part in parts(node))]
        while pending:
            node = pending.pop()
            if id(node) not in found:
                found.add(id(node))
                pending += before.get(id(node), [])
        return found

    def _index(self, nodes: list[Node]) -> None:
        for node in nodes:
            self._index(node.children)
            if node.copies > 1 and node.output is not node.exit:
                self._same[id(node.output)] = id(node.exit)
            if node.layer is None:
                if node.unfolded and node.output is not node.children[-1].output:
                    self._same[id(node.output)] = id(node.children[-1].output)
            else:
                self._producers.update({id(tensor): node for tensor in parts(node)})
            self._read(node)
            if node.listed:
                self._steps(node)

    def _steps(self, node: Node) -> None:
        """The output of a scan's step is read by the next step, which is the same node, and by what stacks it."""
        self._same.update({id(every): id(one) for one, every in node.listed})
        inside = [one for one, _, _ in walk(node.children)]
        for name, state in node.states.items():
            self._fed_twice.add(id(state))
            for reader in inside:
                if (id(state), id(reader)) in self._reading:
                    self._add_reader(node.further[name], reader)

    def _read(self, node: Node) -> None:
        if node.layer is not None:
            for tensor in read_by(node):
                self._add_reader(tensor, node)
        if node.copies > 1 and node.inputs:
            # the next copy reads this one's output
            several = node.layer is not None and any(isinstance(x, Alias) for x in node.inputs)
            inside = [one for one, _, _ in walk([node])]
            for entry in [x for x in node.inputs if isinstance(x, Alias)] if several else node.inputs[:1]:
                self._fed_twice.add(id(entry))
                for reader in inside:  # not the entry's readers, which may be as many as the network's layers
                    if (self.name(entry), id(reader)) in self._reading:
                        self._add_reader(node.exit, reader)

    def _add_reader(self, tensor: Tensor, node: Node) -> None:
        name = self.name(tensor)
        if (name, id(node)) not in self._reading:
            self._reading.add((name, id(node)))
            self._consumers.setdefault(name, []).append(node)
        if isinstance(tensor, Alias):
            self._add_reader(tensor.origin, node)


def parts(node: Node) -> list[Tensor]:
    """All outputs of one copy of a layer."""
    return [node.exit, *(node.exit.outputs or {}).values()]


def read_by(node: Node) -> tuple[Tensor, ...]:
    """The inputs a layer computes with: a residual with a shortcut does not add its own input."""
    return node.inputs[1:] if isinstance(node.layer, Residual) and len(node.inputs) > 2 else node.inputs
