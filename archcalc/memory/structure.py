"""What a simulation asks of a network however it is run: computed once, for every batch, type and mode."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from archcalc.layers.tensor import Alias, Tensor
from archcalc.network.gradients import backward
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.quantity import plain, product


@dataclass(frozen=True)
class Function:
    """What one function of the written module runs.

    Attributes:
        steps: in order; lists written in place belong to it.
        last: for each tensor, by its id, the index of the step that reads it last.
    """

    steps: list[Node]
    last: dict[int, int]


class Structure:
    """What is known of a network before it is run. It is that of the same network with any batch."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._read: dict[int, set[int]] = {}
        self._functions: dict[int, Function] = {}

    @cached_property
    def params(self) -> int:
        """Numbers in the parameters, each stored copy counted."""
        sizes = (stored * plain(product(shape)) for node, stored, _ in self._stored for shape in node.params.values())
        return sum(sizes)

    @cached_property
    def needs(self) -> dict[tuple[int, ...], tuple[bool, ...]]:
        """For each layer that runs backward, by the id of its node and which copy it is, the inputs whose gradients it gives."""
        return {(id(one.node), *one.copies): one.needs for one in backward(self.graph)}

    @cached_property
    def _stored(self) -> list[tuple[Node, int, int]]:
        return list(walk(self.graph.nodes))

    def function(self, nodes: list[Node], kept: set[int]) -> Function:
        """The function that runs `nodes` and gives `kept`."""
        if id(nodes) not in self._functions:
            steps = list(_steps(nodes))
            last = {key: index for index, step in enumerate(steps) for key in self.read(step)}
            last.update(dict.fromkeys(kept, len(steps)))
            self._functions[id(nodes)] = Function(steps, last)
        return self._functions[id(nodes)]

    def read(self, step: Node) -> set[int]:
        """All that a step reads, inside of it as well."""
        if id(step) not in self._read:
            found: set[int] = set()
            made: set[int] = set()
            pending = [step]
            while pending:
                node = pending.pop()
                if not node.inline or node is not step:  # else they are steps of their own
                    pending += node.children
                for tensor in (*node.inputs, *(() if node.layer is not None else (node.exit,))):
                    found |= origins(tensor)
                if node.layer is not None:
                    made |= family(node.exit)
                if node.output is not node.exit:
                    made |= family(node.output)
            self._read[id(step)] = found - made  # a group may give what comes from outside
        return self._read[id(step)]


def _steps(nodes: list[Node]) -> Iterator[Node]:
    """What one function runs, in order; lists written in place belong to it."""
    for node in nodes:
        if node.inline:
            yield from _steps(node.children)
            if node.layer is not None:
                yield node
        else:
            yield node


def origins(tensor: Tensor) -> set[int]:
    """The ids under which a tensor may be known."""
    found = {id(tensor)}
    while isinstance(tensor, Alias):
        tensor = tensor.origin
        found.add(id(tensor))
    return found


def family(tensor: Tensor) -> set[int]:
    """The ids of a tensor and of the further outputs that come with it."""
    found = origins(tensor)
    for extra in (tensor.outputs or {}).values():
        found |= origins(extra)
    return found
