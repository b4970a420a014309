"""Whether a network is still valid with another argument for one layer, without building what that does not reach.

The list of layers is gone through again from the item with that layer on, until an item gives what it gave before: what
follows reads the same, and comes out the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archcalc.diagnostics import Findings
from archcalc.layers.tensor import Tensor
from archcalc.network.build import Builder
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.network.scope import Scope
from archcalc.network.steps import Step


class Trials:
    """Tries other arguments of a valid network's layers; of one that ties weights, or reads inside groups, it cannot tell."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.nodes = {id(node.place): node for node in graph.nodes}
        # The layers of the list and of lists inside it, by their places: the item, and the layer's own step.
        self.steps = {id(step.op): (index, step) for index, item in enumerate(graph.steps) for step in _within(item)}
        self.ties = any(
            node.tied or node.tied_to is not None or node.further or node.gathered for node, _, _ in walk(graph.nodes)
        )
        self.names: dict[str, Tensor | None] = {}  # what they mean; None for one that several layers have
        self.since: dict[str, int] = {}  # the item that gives a name
        for index, item in enumerate(graph.steps):
            made = self.nodes.get(id(item.op))
            for node, _, _ in walk([made]) if made is not None else ():
                if node.name is not None:
                    self.names[node.name] = None if node.name in self.names else node.output
                    self.since.setdefault(node.name, index)

    def valid(self, node: Node, values: Mapping[str, Any]) -> bool | None:
        """Whether it is valid with these arguments of `node`; None where that takes building all of it."""
        index, step = self.steps.get(id(node.place), (0, None))
        before = self.nodes.get(id(self.graph.steps[index - 1].op)) if index else None
        if self.ties or step is None or (index and before is None) or not set(values) <= set(step.constants):
            return None
        if any(name in values for name, _, _ in step.deferred):
            return None
        constants, step.constants = step.constants, {**step.constants, **values}
        try:
            return self._goes_on(index, None if before is None else before.output)
        except _UnclearError:
            return None
        finally:
            step.constants = constants

    def _goes_on(self, index: int, x: Tensor | None) -> bool | None:
        graph = self.graph
        inputs = {name: _fresh(tensor) for name, tensor in graph.inputs.items()}
        only = next(iter(inputs.values())) if len(inputs) == 1 else None
        findings = Findings()
        builder = Builder(findings, graph.settings.values, graph.batch)
        builder.know(graph.steps, inputs)
        scope = Scope(graph.settings.values, only)
        scope.layers = _Layers(self, index, inputs)
        x = only if x is None else _fresh(x)
        for item in graph.steps[index:]:
            made = self.nodes.get(id(item.op))
            if made is None:
                return None
            x = builder.run([item], scope, x)
            if findings or x is None:
                return False
            if made.output.matches(x) and all(self._means(name, tensor) for name, (tensor, _) in scope.layers.items()):
                return True
        return True

    def _means(self, name: str, tensor: Tensor) -> bool:
        """Whether a name of a layer means what it did."""
        before = self.names.get(name)
        return before is not None and before.matches(tensor)


class _UnclearError(Exception):
    """A name that several layers have."""


class _Layers(dict[str, "tuple[Tensor, Node | None]"]):
    """The layers by name: those of items that are gone through again, and behind them those of the items before."""

    def __init__(self, trials: Trials, index: int, inputs: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.trials, self.index, self.inputs = trials, index, inputs

    def __contains__(self, name: object) -> bool:
        before = self.trials.since.get(str(name), self.index) < self.index
        return super().__contains__(name) or name in self.inputs or before

    def __missing__(self, name: str) -> tuple[Tensor, Node | None]:
        tensor = self.inputs.get(name)
        if tensor is None:
            before = self.trials.names[name]
            if before is None:
                raise _UnclearError
            tensor = _fresh(before)
        return tensor, None  # only ties ask for the layer


def _within(item: Step) -> Iterator[Step]:
    """A step, and those of the lists that are written inside it."""
    yield item
    for body in (*item.bodies.values(), *(operand for operand, _ in item.operands or () if isinstance(operand, list))):
        for step in body:
            yield from _within(step)


def _fresh(tensor: Tensor) -> Tensor:
    """A tensor like another, about which something else may be decided."""
    outputs = {name: _fresh(extra) for name, extra in (tensor.outputs or {}).items()} or None
    made = Tensor(tensor.shape, tensor.layout, tensor.integer, outputs, tensor.state, tensor.parts, tensor.batched)
    made.table = tensor.table
    return made
