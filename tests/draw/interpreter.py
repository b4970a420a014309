"""Runs a graph node by node, without classes, variables or loops: what the written module must give.

Modules are taken from the written one by the layers' ids, or by those of the layer whose weights
are used; everything else, what flows where and how often, is read off the graph.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from archcalc.layers.steps import Collected
from archcalc.layers.tensor import Alias, Tensor
from archcalc.network.codes import code_of
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.network.sharing import Sharing
from archcalc.pytorch.pieces.attention import rotate

Values = dict[int, Any]


class Interpreter:
    def __init__(self, graph: Graph, module: nn.Module) -> None:
        self.graph = graph
        self.module = module
        self.sharing = Sharing(graph.nodes)
        self.modules = dict(module.named_modules(remove_duplicate=False))
        self.paths: dict[int, str] = {}
        self.active: set[int] = set()
        every = [x for node, _, _ in walk(graph.nodes) for x in (*node.inputs, node.exit, node.output)]
        self.backwards = {
            id(node.inputs[0])
            for node, _, _ in walk(graph.nodes)
            if isinstance(node.layer, Collected) and node.layer.backwards
        }
        self.same = {id(x) for x in every if not x.batched}  # for every sample

    def run(self, *inputs: torch.Tensor) -> list[torch.Tensor]:
        values: Values = {id(tensor): value for tensor, value in zip(self.graph.inputs.values(), inputs)}
        self.batch = len(inputs[0])
        self._nodes(self.graph.nodes, values, "")
        return [self._value(tensor, values) for tensor in self.graph.outputs.values()]

    def _value(self, tensor: Tensor, values: Values) -> Any:
        while id(tensor) not in values and isinstance(tensor, Alias):
            tensor = tensor.origin
        return values[id(tensor)]

    def _nodes(self, nodes: list[Node], values: Values, prefix: str) -> None:
        for node in nodes:
            self._node(node, values, prefix)

    def _node(self, node: Node, values: Values, prefix: str) -> None:
        if node.listed:
            self._steps(node, values, prefix)
            return
        if node.inline:
            self._nodes(node.children, values, prefix)
            if node.layer is not None:
                self._apply(node, values, prefix + node.segment)
            return
        path = prefix + node.segment
        if path not in self.modules and self.sharing.is_reused(node):  # it calls the module of another
            path = self.paths[id(self.sharing.module_of(node))]
        self.paths[id(node)] = path
        if node.unfolded:
            first = 0
            for child in node.children:
                self._copies(child, values, f"{path}.", first)
                first += child.copies
        elif node.copies > 1:
            self._copies(node, values, f"{path}.", 0)
            self.paths[id(node)] = path  # of all copies, for a node that calls them again
        else:
            self._once(node, values, path)

    def _steps(self, node: Node, values: Values, prefix: str) -> None:
        """One after the other, each from the states that the one before gives."""
        entries = [values[id(x)] for x in node.inputs]
        for state in node.states.values():
            start = self._value(state.origin, values)
            values[id(state)] = start
            if state.batched and id(state.origin) in self.same:
                values[id(state)] = start.expand(self.batch, *start.shape[1:])
        every: list[list[Any]] = [[] for _ in node.listed]
        order = range(len(entries[0]))
        for index in reversed(order) if id(node.output) in self.backwards else order:
            values.update({id(x): steps[index] for x, steps in zip(node.inputs, entries)})
            self._nodes(node.children, values, prefix)
            for steps, (one, _) in zip(every, node.listed):
                steps.append(self._value(one, values))
            following = [self._value(node.further[name], values) for name in node.states]
            values.update({id(state): value for state, value in zip(node.states.values(), following)})
        values.update({id(tensor): value for tensor, value in zip(node.further.values(), following)})
        values.update({id(all): steps for steps, (_, all) in zip(every, node.listed)})

    def _copies(self, node: Node, values: Values, prefix: str, first: int) -> None:
        entry = next(
            (tensor for tensor in node.inputs if isinstance(tensor, Alias)), node.inputs[0] if node.inputs else None
        )
        alone = self._enter(entry, values)
        for index in range(first, first + node.copies):
            one = f"{prefix}{index}" if f"{prefix}{index}" in self.modules else prefix[:-1]
            self.paths[id(node)] = one
            self._once(node, values, one)
            if entry is not None and node.copies > 1 and (alone or first) and entry.shape == node.exit.shape:
                values[id(entry)] = values[id(node.exit)]
                for name, extra in (entry.outputs or {}).items():
                    values[id(extra)] = values[id((node.exit.outputs or {})[name])]
                values[id(entry), "state"] = values.get((id(node.exit), "state"))
        if alone:
            self.active.discard(id(entry))
        values[id(node.output)] = values[id(node.exit)]
        values[id(node.output), "state"] = values.get((id(node.exit), "state"))

    def _once(self, node: Node, values: Values, path: str) -> None:
        if node.layer is not None:
            self._apply(node, values, path)
            return
        entry = node.inputs[0] if node.inputs else None
        alone = self._enter(entry, values)
        if path not in self.modules and node.tied_to is not None:
            path = self.paths[id(node.tied_to)]
        self._nodes(node.children, values, f"{path}.")
        if alone:
            self.active.discard(id(entry))

    def _enter(self, entry: Tensor | None, values: Values) -> bool:
        """Give the alias that copies start from its first value, if they are the ones it was made for."""
        if not isinstance(entry, Alias) or id(entry) in self.active:
            return False
        self.active.add(id(entry))
        values[id(entry)] = self._value(entry.origin, values)
        for extra in (entry.outputs or {}).values():
            values[id(extra)] = self._value(extra.origin, values)
        origin: Tensor = entry
        while isinstance(origin, Alias):
            origin = origin.origin
        values[id(entry), "state"] = values.get((id(origin), "state"))
        return True

    def _apply(self, node: Node, values: Values, path: str) -> None:
        code = code_of(node)
        module = self.modules.get(path)
        if module is None and node.tied:
            module = self.modules[self.paths[id(next(iter(node.tied.values())))]]
        self.paths[id(node)] = path
        if node.op == "moe":
            result = self._experts(node, module, values)
        else:
            result = self._evaluate(node, code.call, module, values, code.values)
        values[id(node.exit)] = result
        if node.exit.outputs and node.exit.state:
            values[id(node.exit)], state = result
            values[id(node.exit), "state"] = state
            for name, extra in node.exit.outputs.items():
                values[id(extra)] = eval(code.outputs[name].format(state="state"), {"torch": torch, "state": state})
        elif node.exit.outputs and not node.exit.parts:
            values[id(node.exit)], *further = result
            values.update({id(extra): part for extra, part in zip(node.exit.outputs.values(), further)})
        elif node.exit.outputs:
            values.update({id(extra): part for extra, part in zip(node.exit.outputs.values(), result)})

    def _evaluate(self, node: Node, call: str, module: Any, values: Values, numbers: dict[str, Any]) -> Any:
        inputs = [self._value(tensor, values) for tensor in node.inputs]
        if node.exit.batched and not node.layer.broadcasts:
            batch = next((len(value) for tensor, value in zip(node.inputs, inputs) if tensor.batched), self.batch)
            inputs = [
                value if tensor.batched else value.expand(batch, *value.shape[1:])
                for tensor, value in zip(node.inputs, inputs)
            ]
        names: dict[str, Any] = {"torch": torch, "F": F, "rotate": rotate, "module": module}
        names["batch"] = len(inputs[0]) if inputs else 1
        names.update({f"x{number}": value for number, value in enumerate(inputs)})
        for number, tensor in enumerate(node.inputs):
            while (id(tensor), "state") not in values and isinstance(tensor, Alias):
                tensor = tensor.origin
            state = values.get((id(tensor), "state")) if f"{{state{number}}}" in call else None
            if state is not None and node.exit.batched and id(tensor) in self.same:
                parts = [
                    one.expand(-1, len(inputs[0]), -1).contiguous()
                    for one in (state if isinstance(state, tuple) else [state])
                ]
                state = tuple(parts) if isinstance(state, tuple) else parts[0]
            names[f"state{number}"] = state
        words = [f"x{number}" for number in range(len(inputs))]
        states = {f"state{number}": f"state{number}" for number in range(len(inputs))}
        shown = {name: repr(value) for name, value in numbers.items()}
        text = call.format(*words, self="module", inputs=", ".join(words), batch="batch", **states, **shown)
        return eval(text, names)

    def _experts(self, node: Node, module: Any, values: Values) -> torch.Tensor:
        """Each position by itself, through the experts that its router chooses."""
        x = self._value(node.inputs[0], values)
        (expert,) = node.children
        rows = []
        for sample, one in enumerate(x):
            for position in one.reshape(-1, x.shape[-1]):
                weights, chosen = module.router(position).softmax(-1).topk(module.top_k)
                total = 0
                for weight, index in zip(weights / weights.sum(), chosen):
                    inner = {
                        key: value[sample : sample + 1]
                        if isinstance(value, torch.Tensor) and key not in self.same
                        else value
                        for key, value in values.items()
                    }
                    inner[id(expert.inputs[0])] = position[None]
                    path = next(name for name, found in self.modules.items() if found is module)
                    batch, self.batch = self.batch, 1
                    self._nodes(expert.children, inner, f"{path}.experts.{int(index)}.")
                    self.batch = batch
                    total = total + weight * inner[id(expert.exit)]
                rows.append(total)
        return torch.cat(rows).reshape(*x.shape[:-1], -1)
