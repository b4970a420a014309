"""What a simulation needs to know about a network whatever the batch, type and mode; computed once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from math import prod

from archcalc.layers.tensor import Alias, Tensor
from archcalc.layers.zeros import Zeros
from archcalc.memory.parameters import Learned, buffer_bytes, stepping, trained_shapes
from archcalc.memory.stored import Stored
from archcalc.network.gradients import Backward, backward, sources
from archcalc.network.graph import Node, steps_of, walk
from archcalc.network.load import Graph
from archcalc.quantity import product
from archcalc.records import NamedTuple
from archcalc.running import Running
from archcalc.running.declaration import FOREACH, FUSED
from archcalc.running.optimizers import OPTIMIZERS

# Up to this many parts of a split have their own variables.
UNPACKED = 8


class Step(NamedTuple):
    """A step of a function.

    Attributes:
        node: the layer or the group that runs.
        gives: the ids of its output.
        variable: the output's own variable; None if it goes into any free one.
        further: further outputs and lists, each with the name of its variable; None for the parts of a split, each of
        which goes into any free variable.
    """

    node: Node
    gives: tuple[int, ...]
    variable: str | None
    further: tuple[tuple[str | None, frozenset[int]], ...] = ()


class Function(NamedTuple):
    """What one function of the written module runs.

    Attributes:
        steps: in order, including those of lists written in place.
        last: for each tensor id, the index of the last step that reads it.
    """

    steps: list[Step]
    last: dict[int, int]


class Structure:
    """What is known about a network before it runs, whatever the batch.

    Attributes:
        let_go: what variables release after each step of each function, in order, for each way to run it
        except the batch.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.let_go: dict[Running, list[list[int]]] = {}
        self._buffers: dict[int, int] = {}
        self._read: dict[int, set[int]] = {}
        self._runs_back: dict[int, bool] = {}
        self._functions: dict[int, Function] = {}
        self._stored: dict[Running, list[tuple[int, int]]] = {}
        self._states: dict[Running, list[tuple[int, int]]] = {}
        self._sources: dict[int, set[int]] = {}

    @cached_property
    def params(self) -> int:
        """The number of elements of the parameters, over all stored copies."""
        return sum(
            stored * product(shape) for node, stored, _ in walk(self.graph.nodes) for shape in node.params.values()
        )

    @cached_property
    def trained(self) -> Counter[tuple[int, ...]]:
        """The shapes of the trained parameters, and how many have each shape."""
        return trained_shapes(self.graph.nodes, self.reached)

    @cached_property
    def trained_numbers(self) -> int:
        """The number of elements of the trained parameters."""
        return sum(count * prod(shape) for shape, count in self.trained.items())

    def stored(self, running: Running) -> list[tuple[int, int]]:
        """Bytes and number of the parameters."""
        way = running.also(batch=None)
        if way not in self._stored:
            self._stored[way] = list(Stored(self.graph, running).parameters())
        return self._stored[way]

    def states(self, running: Running) -> list[tuple[int, int]]:
        """Bytes and number of the tensors that the optimizer keeps."""
        way = running.also(batch=None)
        if way not in self._states:
            self._states[way] = list(self._kept(running))
        return self._states[way]

    def _kept(self, running: Running) -> Iterator[tuple[int, int]]:
        optimizer, width = OPTIMIZERS[running.optimizer], running.types.state_width
        for shape, count in self.trained.items():
            if running.types.has_copy:
                yield prod(shape) * width, count
            yield from ((bytes, count) for bytes in optimizer.kept(shape, width))

    def step_of(self, node: Node, running: Running) -> int:
        """The most temporary bytes for the step of a single parameter."""
        width = running.types.state_width
        steps = (OPTIMIZERS[running.optimizer].passing([int(one) for one in shape], width) for shape in node.trained)
        return max((needed for needed, _ in steps), default=0)

    def stepping(self, running: Running) -> int:
        """The most temporary bytes of the optimizer's step."""
        optimizer, width = OPTIMIZERS[running.optimizer], running.types.state_width
        if running.steps == FUSED:
            return 0
        if running.steps == FOREACH and optimizer.together:
            return sum(count * optimizer.passing(shape, width)[1] for shape, count in self.trained.items())
        return stepping(self.graph.nodes, self.reached, lambda shape: optimizer.passing(shape, width))[2]

    @cached_property
    def learned(self) -> Learned:
        """The parameters whose gradients each layer computes."""
        return Learned(self.graph.nodes)

    @cached_property
    def reached(self) -> set[int]:
        """The ids of the layers whose parameters have a gradient; PyTorch's optimizers keep nothing for the others."""
        return {parameter.owner for one in self.backward for parameter in self.learned.by(one.node)}

    @cached_property
    def zeros(self) -> set[int]:
        """The ids of the zeros from which states start."""
        return {id(node.exit) for node, _, _ in walk(self.graph.nodes) if isinstance(node.layer, Zeros)}

    @cached_property
    def needs(self) -> dict[tuple[int, ...], tuple[bool, ...]]:
        """The inputs whose gradients a layer computes, by its id and its place among the copies around it."""
        return {(id(one.node), *one.copies): one.needs for one in self.backward}

    @cached_property
    def beside(self) -> set[tuple[int, ...]]:
        """The layers, under the same keys, whose further outputs receive a gradient and whose first output does not."""
        return {(id(one.node), *one.copies) for one in self.backward if one.beside}

    @cached_property
    def backward(self) -> list[Backward]:
        """The layers that run backward, last first."""
        return list(backward(self.graph))

    def buffer_bytes(self, width: int) -> int:
        """The bytes of buffers, at `width` bytes per number."""
        if width not in self._buffers:
            self._buffers[width] = buffer_bytes(self.graph.nodes, width)
        return self._buffers[width]

    def function(self, nodes: list[Node], kept: set[int]) -> Function:
        """The function that runs `nodes` and returns `kept`."""
        if id(nodes) not in self._functions:
            steps = list(steps_of(nodes))
            last = {key: index for index, step in enumerate(steps) for key in self.read(step)}
            last.update(dict.fromkeys(kept, len(steps)))
            beside = {id(x) for step in steps if step.layer is not None for x in step.inputs[1:]}
            found = [_step(step, index, last, beside) for index, step in enumerate(steps)]
            self._functions[id(nodes)] = Function(found, last)
        return self._functions[id(nodes)]

    def sources(self, node: Node) -> set[int]:
        """The ids of the inputs that receive a gradient from a layer's output."""
        if id(node) not in self._sources:
            self._sources[id(node)] = {id(x) for x in sources(node)}
        return self._sources[id(node)]

    def runs_back(self, group: Node) -> bool:
        """Whether a layer of a group has a backward pass; else nothing is kept for it."""
        if id(group) not in self._runs_back:
            back = {id(one.node) for one in self.backward}
            self._runs_back[id(group)] = any(id(node) in back for node, _, _ in walk([group]))
        return self._runs_back[id(group)]

    def read(self, step: Node) -> set[int]:
        """Everything that a step reads, including what is read inside it."""
        if id(step) not in self._read:
            found: set[int] = set()
            made: set[int] = set()
            pending = [step]
            while pending:
                node = pending.pop()
                if node.listed or not node.inline or node is not step:  # otherwise they are steps themselves
                    pending += node.children
                # What a group starts from is an argument of it only if something inside reads that.
                begins = node.layer is not None or node.listed or node.is_expert or _hands_parts_on(node)
                for tensor in (
                    *(node.inputs if begins else ()),
                    *(() if node.layer is not None else (node.exit, *node.further.values())),
                ):
                    found |= origins(tensor)
                for state in node.states.values() if node.listed else ():  # whether a layer reads it or not
                    found |= origins(state)
                if node.layer is not None:
                    made |= family(node.exit)
                if node.output is not node.exit:
                    made |= family(node.output)
            self._read[id(step)] = found - made  # a group may return what comes from outside
        return self._read[id(step)]


def _hands_parts_on(group: Node) -> bool:
    """Whether copies pass the parts of a split on, which are then one variable."""
    return (group.unfolded or group.copies > 1) and any(x.parts for x in group.inputs)


def _step(node: Node, index: int, last: dict[int, int], beside: set[int]) -> Step:
    if node.listed:
        every = [(f"{node.segment} {number}", frozenset([id(one)])) for number, (_, one) in enumerate(node.listed)]
        # Other variables keep their tensors until the function ends.
        left = frozenset(key for one, _, _ in walk(node.children) for key in family(one.exit) | family(one.output))
        further = (
            *every,
            ("left", left),
            *((name, frozenset([id(tensor)])) for name, tensor in node.further.items()),
        )
        return Step(node, tuple(key for _, keys in further for key in keys), None, further)
    parts = list((node.output.outputs or {}).values()) if node.output.parts and node.copies == 1 else []
    alone = not (node.further or node.gathered)  # otherwise the parts stay together in a group's outputs
    if alone and 1 < len(parts) <= UNPACKED and id(node.output) not in last:
        several: tuple[tuple[str | None, frozenset[int]], ...] = tuple(
            ((None if id(one) in last else "_"), frozenset([id(one)])) for one in parts
        )
        return Step(node, tuple(id(one) for one in parts), None, several)  # no variable holds the whole
    # A group may return, under an alias, what an earlier step than its last made.
    gives = family(node.output) | family(node.exit)
    lasts = last.get(id(node.output), -1) > index + 1 or id(node.output) in beside
    given: tuple[tuple[str | None, frozenset[int]], ...] = ()
    if node.further or node.gathered:
        given = tuple(_results(node, gives, last))
    return Step(node, (*gives, *(key for _, keys in given for key in keys)), node.name if lasts else None, given)


def _results(node: Node, main: set[int], last: dict[int, int]) -> Iterator[tuple[str | None, frozenset[int]]]:
    """The further outputs of a group; those that nobody reads go into `_`."""
    for name, tensor in node.further.items():
        keys = frozenset(origins(tensor) - main)
        if keys:
            yield (name if any(key in last for key in keys) else "_"), keys
    for path, tensors in node.gathered.items():
        yield f"{path}s", frozenset({key for tensor in tensors if tensor is not None for key in origins(tensor)} - main)


def results(node: Node) -> set[int]:
    """The ids of all outputs of one copy of a group."""
    found = family(node.exit)
    for tensor in node.further.values():
        found |= origins(tensor)
    return found | gathered(node)


def gathered(node: Node) -> set[int]:
    """The ids of what is collected from all copies inside it."""
    return {key for tensors in node.gathered.values() for one in tensors if one is not None for key in origins(one)}


def origins(tensor: Tensor) -> set[int]:
    """The ids by which a tensor may be known."""
    found = {id(tensor)}
    while isinstance(tensor, Alias):
        tensor = tensor.origin
        found.add(id(tensor))
    return found


def family(tensor: Tensor) -> set[int]:
    """The ids of a tensor and of its further outputs."""
    found = origins(tensor)
    for extra in (tensor.outputs or {}).values():
        found |= origins(extra)
    return found
