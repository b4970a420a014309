"""Whether a network stays valid with another argument for one layer, without rebuilding unaffected layers.

The layer's list is run again from that layer on, until an item's output is what it was before: what follows reads the
same, so its results are the same. If a list ends first, the list around it is run from there on.
"""

from __future__ import annotations

import re
from collections import ChainMap, Counter
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from archcalc.diagnostics import Findings, Span
from archcalc.layers.tensor import Tensor
from archcalc.network.binding import changes_input
from archcalc.network.build import Builder
from archcalc.network.expand import Path
from archcalc.network.graph import Node, in_scope, walk
from archcalc.network.load import Graph
from archcalc.network.scope import Scope
from archcalc.network.steps import Step

_WORD = re.compile(r"[^\W\d]\w*")
# Stands for every word.
_ANY = "*"


class _Level:
    """A list of layers that runs once: the network's, a block's, or one written in a layer.

    Attributes:
        steps: the list.
        nodes: the node of each step that has exactly one, by place.
        start: its input.
        input: what `input` means in it.
        values, names: the values and layers that names mean in the function it belongs to; None for a name shared by
            several layers.
        globals: values of names that are the same everywhere.
        path: the calls around it, as the builder records them.
        last: for each word, the last step that contains it and so may read a layer of that name.
        around: the list that holds the layer with this list; None for the network's.
        index: where in that list.
        in_block: whether it belongs to a block.
        is_repeated: whether it represents several copies, which are alike.
    """

    input: Tensor | None
    values: Mapping[str, Any]
    globals: Mapping[str, Any]
    names: MutableMapping[str, Tensor | None]
    path: Path
    in_block: bool
    is_repeated: bool = False

    def __init__(
        self,
        steps: list[Step],
        nodes: list[Node],
        start: Tensor | None,
        function: _Level | None = None,
        around: tuple[_Level, int] | None = None,
    ) -> None:
        self.steps, self.start = steps, start
        there = Counter(id(node.place) for node in nodes)
        self.nodes = {id(node.place): node for node in nodes if there[id(node.place)] == 1}
        self.around: _Level | None
        self.around, self.index = around if around is not None else (None, 0)
        self.last = {word: index for index, step in enumerate(steps) for word in _words(step)}
        if function is not None:
            self.input, self.values, self.names = function.input, function.values, function.names
            self.path, self.in_block, self.globals = function.path, function.in_block, function.globals

    def function(
        self, nodes: list[Node], values: Mapping[str, Any], input: Tensor | None, path: Path, in_block: bool
    ) -> None:
        """Make it a function of its own, with its own names."""
        self.input, self.values, self.path, self.in_block = input, values, path, in_block
        self.names = {}
        for node in in_scope(nodes):
            if node.name is not None:
                self.names[node.name] = None if node.name in self.names else node.output

    def is_over(self, name: str, tensor: Tensor, index: int) -> bool:
        """Whether no step after the one at `index` can notice that a name means this tensor."""
        known = self.names.get(name)
        if known is not None and known.matches(tensor):
            return True
        level = self
        while max(level.last.get(name, -1), level.last.get(_ANY, -1)) <= index:
            if level.around is None or level.around.names is not self.names:
                return True
            level, index = level.around, level.index
        return False

    def before(self, index: int) -> Tensor | None:
        """The input of the step at `index`. Raises `_UnclearError`."""
        if not index:
            return self.start
        made = self.nodes.get(id(self.steps[index - 1].op))
        if made is None:
            raise _UnclearError
        return made.output


class Trials:
    """Tries other arguments for layers of a valid network; tied weights or reads inside groups make it give up."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        nodes = [node for node, _, _ in walk(graph.nodes)]
        self.ties = any(node.tied or node.tied_to is not None or node.further or node.gathered for node in nodes)
        self.count = Counter(id(node.place) for node in nodes if node.layer is not None)
        # the layers of lists, by place: the list, the index in it, and the layer's own step, for each call of a block
        self.places: dict[int, list[tuple[_Level, int, Step]]] = {}
        self.known: dict[tuple[Any, ...], bool | None] = {}
        inputs = list(graph.inputs.values())
        only = inputs[0] if len(inputs) == 1 else None
        top = _Level(graph.steps, graph.nodes, only)
        top.function(graph.nodes, graph.settings.values, only, (), False)
        top.globals = graph.settings.values
        self._note(top)

    def _note(self, level: _Level) -> None:
        for index, step in enumerate(level.steps):
            node = level.nodes.get(id(step.op))
            inside = list(_inside(step, node, level, index)) if node is not None and _is_alike(step, node) else []
            known = {id(one.steps) for one in inside}
            others = [inner for one in _lists(step) if id(one) not in known for item in one for inner in _within(item)]
            for inner in (step, *others):
                self.places.setdefault(id(inner.op), []).append((level, index, inner))
            for one in inside:
                self._note(one)

    def valid(self, node: Node, values: Mapping[str, Any]) -> bool | None:
        """Whether it is valid with these arguments for `node`; None if that requires building all of it."""
        places = self.places.get(id(node.place))
        if self.ties or places is None:
            return None
        level, _, step = places[0]
        if (level.in_block and self.count[id(node.place)] != len(places)) or not set(values) <= set(step.constants):
            return None
        if any(name in values for name, _, _ in step.deferred):
            return None
        constants, step.constants = step.constants, {**step.constants, **values}
        self.is_several = len(places) > 1
        try:
            for level, index, _ in places:
                found = self._goes_on(level, index, {}, {})
                if not found:
                    return found
        except _UnclearError:
            return None
        finally:
            step.constants = constants
        return True

    def _goes_on(
        self, level: _Level, index: int, inside: dict[int, Tensor], changed: Mapping[str, Tensor]
    ) -> bool | None:
        """Whether everything from a step on is as before.

        Args:
            inside: the outputs of the lists in that step that are not run again.
            changed: names in them that mean something else.
        """
        graph = self.graph
        findings = Findings()
        builder = _Builder(findings, graph.settings.values, graph.batch)
        inputs = {name: _fresh(tensor) for name, tensor in graph.inputs.items()}
        builder.know(graph.steps, inputs)
        builder.path, builder.inside = level.path, inside
        values, start = level.values, None if level.input is None else _fresh(level.input)
        if level.in_block:
            values = {name: _fresh(one) if isinstance(one, Tensor) else one for name, one in values.items()}
        else:
            start = next(iter(inputs.values())) if len(inputs) == 1 else None
        scope = Scope(values, start)
        layers = scope.layers = _Layers(level.names, {} if level.in_block else inputs)
        layers.update((name, (tensor, None)) for name, tensor in changed.items())
        x = level.before(index)
        x = start if x is level.input else None if x is None else _fresh(x)
        for at, item in enumerate(level.steps[index:], index):
            made = level.nodes.get(id(item.op))
            if made is None:
                return None
            x = builder.run([item], scope, x)
            builder.inside = {}
            if findings or x is None:
                return False
            if made.output.matches(x) and all(level.is_over(name, one, at) for name, (one, _) in layers.items()):
                return True
        if level.around is None or x is None:
            return True
        apart = self.is_several and level.around.names is not level.names
        if level.is_repeated or apart:  # the following steps include the next copy or call
            raise _UnclearError
        new = {name: one for name, (one, _) in layers.items() if not level.is_over(name, one, len(level.steps))}
        return self._around(level, level.around, x, new)

    def _around(self, level: _Level, around: _Level, x: Tensor, new: Mapping[str, Tensor]) -> bool | None:
        """Whether everything is as before if a list returns `x`, from the layer that holds the list on.

        A layer that reads its lists in any order is asked once for all lists with the same old and new outputs.
        """
        step = around.steps[level.index]
        before = level.before(len(level.steps))
        forms = _form(before), _form(x)
        which = None if step.layer is not None and step.layer.any_order else id(level.steps)
        key = (id(around), level.index, which, *forms)
        if new or None in forms:
            return self._goes_on(around, level.index, self._beside(level, around, x), new)
        if key not in self.known:
            self.known[key] = self._goes_on(around, level.index, self._beside(level, around, x), new)
        return self.known[key]

    def _beside(self, level: _Level, around: _Level, x: Tensor) -> dict[int, Tensor]:
        """The outputs of the lists in a step, one of which returns `x`."""
        step = around.steps[level.index]
        node = around.nodes[id(step.op)]
        given = {id(one.steps): one.before(len(one.steps)) for one in _inside(step, node, around, level.index)}
        return {**{key: _fresh(one) for key, one in given.items() if one is not None}, id(level.steps): x}


class _Builder(Builder):
    """A builder that already knows the outputs of some lists, in `inside`."""

    inside: dict[int, Tensor]

    def _inside(self, steps: list[Step], scope: Scope, x: Tensor | None, place: Span) -> tuple[Tensor, list[Node]]:
        known = self.inside.get(id(steps))
        return super()._inside(steps, scope, x, place) if known is None else (known, [])


class _UnclearError(Exception):
    """A name shared by several layers, or a step of several nodes."""


class _Layers(dict[str, "tuple[Tensor, Node | None]"]):
    """The layers by name: those of items that are run again, then those of the items before."""

    def __init__(self, names: Mapping[str, Tensor | None], inputs: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.names, self.inputs = names, inputs

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name) or name in self.inputs or name in self.names

    def __missing__(self, name: str) -> tuple[Tensor, Node | None]:
        tensor = self.inputs.get(name)
        if tensor is None:
            before = self.names[name]
            if before is None:
                raise _UnclearError
            tensor = _fresh(before)
        return tensor, None  # only ties ask for the layer


def _is_alike(step: Step, node: Node) -> bool:
    """Whether a step runs once, or in copies that are one node."""
    if node.unfolded or step.over is not None or step.apart or step.hands_on or step.loop is not None:
        return False
    return step.layer is None or step.repeat is None  # copies of a layer with lists get a scope


def _inside(step: Step, node: Node, level: _Level, index: int) -> Iterator[_Level]:
    """The lists in a step that run once, on the step's own input."""
    for one in _written(step, node, level, index):
        if node.copies > 1:
            one.is_repeated = True
            one.path = (
                *level.path,
                (id(step), one.start.rank if one.start is not None else 0, 0),
                *one.path[len(level.path) :],
            )
        yield one


def _written(step: Step, node: Node, level: _Level, index: int) -> Iterator[_Level]:
    around = level, index
    x = node.inputs[0] if node.inputs else None
    if step.layer is None:
        if step.block is not None:
            own = _Level(step.block.steps, node.children, x, None, around)
            path = (*level.path, (id(step), 0, 0))
            own.function(node.children, {**level.globals, **node.arguments}, x, path, True)
        else:
            own = _Level(step.bodies["layers"], node.children, x, None, around)
            own.function(node.children, level.values, level.input, level.path, level.in_block)
            own.names = ChainMap(own.names, level.names)
        own.globals = level.globals
        yield own
        return
    if changes_input(step):
        return
    branches = iter([child for child in node.children if child.op == "branch"])
    for operand, _ in step.operands or ():
        if isinstance(operand, list):
            branch = next(branches)
            yield _Level(operand, branch.children, branch.inputs[0] if branch.inputs else None, level, around)
    for name, body in step.bodies.items():
        groups = [child for child in node.children if child.op == name and child.layer is None and not child.block]
        children = node.children if name == step.layer.first else groups[0].children
        yield _Level(body, children, x, level, around)


def _form(tensor: Tensor | None) -> tuple[Any, ...] | None:
    """Everything layers ask about a tensor; None for a tensor with more than that."""
    if tensor is None or tensor.outputs or tensor.parts or tensor.state is not None or tensor.table is not None:
        return None
    sizes = tuple((type(size), size) for size in tensor.shape)
    return (*sizes, tensor.layout, tensor.integer, tensor.batched, tensor.entries)


def _words(item: Step) -> Iterator[str]:
    """All words in a step and its inner lists that may be names of layers; `_ANY` if it is not known which."""
    for step in _within(item):
        if step.loop is not None or step.carried or step.over is not None:
            yield _ANY
        refs = [step.source, step.tie, *step.references.values()]
        refs += [operand for operand, _ in step.operands or () if not isinstance(operand, list)]
        yield from (ref.name for ref in refs if ref is not None)
        for place in step.places.values():
            yield from _WORD.findall(place.text)


def _within(item: Step) -> Iterator[Step]:
    """A step, and the steps of the lists inside it."""
    yield item
    for body in _lists(item):
        for step in body:
            yield from _within(step)


def _lists(step: Step) -> list[list[Step]]:
    """The lists written in a step."""
    return [*step.bodies.values(), *(operand for operand, _ in step.operands or () if isinstance(operand, list))]


def _fresh(tensor: Tensor) -> Tensor:
    """A tensor like another, for which something else may be decided."""
    outputs = {name: _fresh(extra) for name, extra in (tensor.outputs or {}).items()} or None
    made = Tensor(tensor.shape, tensor.layout, tensor.integer, outputs, tensor.state, tensor.parts, tensor.batched)
    made.table, made.places, made.bounds = tensor.table, tensor.places, tensor.bounds
    return made
