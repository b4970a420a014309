"""The nodes of a graph with the producer and readers of each tensor; replaces several nodes with one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from archcalc.onnx.model import Model, Node, Tensor


class Joining:
    """The nodes of a graph, with the producer and readers of each tensor."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.given = {name: node for node in model.nodes for name in node.outputs if name}
        self.readers: dict[str, list[Node]] = {}
        for node in model.nodes:
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node)
        self.ends = {one.name for one in model.outputs}
        self.gone: set[int] = set()
        self.new: dict[int, Node] = {}

    def maker(self, name: str, op: str = "") -> Node | None:
        """The node that produces a tensor, if it has this operator."""
        node = self.given.get(name)
        return node if node is not None and not node.domain and op in ("", node.op) else None

    def number(self, name: str) -> float | None:
        """The value of a scalar constant; None for any other tensor."""
        tensor = self.model.tensors.get(name)
        if tensor is None:
            node = self.maker(name)
            while node is not None and node.op in ("Cast", "Identity", "Unsqueeze") and node.inputs:
                name, node = node.inputs[0], self.maker(node.inputs[0])
            tensor = self.model.tensors.get(name)
            if tensor is None and node is not None and node.op == "Constant":
                value = node.attributes.get("value", node.attributes.get("value_float"))
                if isinstance(value, (int, float)):
                    return float(value)
                tensor = value if isinstance(value, Tensor) else None
        numbers = tensor.numbers if tensor is not None else None
        first = numbers[0] if numbers else None
        return float(first) if first is not None and all(one == first for one in numbers or ()) else None

    def is_number(self, name: str, wanted: float) -> bool:
        """Whether a tensor is this number, in fp32."""
        found = self.number(name)
        return found is not None and abs(found - wanted) <= 1e-4 * max(abs(wanted), 1e-3)

    def reader(self, node: Node, op: str) -> Node | None:
        """The only node that reads a node's output, if it has this operator."""
        found = self.readers.get(node.outputs[0], [])
        return found[0] if len(found) == 1 and found[0].op == op and not found[0].domain else None

    def other(self, node: Node, name: str) -> str | None:
        """The second input of a node that reads `name`."""
        rest = [one for one in node.inputs if one != name]
        return rest[0] if len(node.inputs) == 2 and len(rest) == 1 else None

    def with_number(self, node: Node | None, wanted: float) -> str | None:
        """The other input of a sum or product with this number."""
        if node is None or len(node.inputs) != 2:
            return None
        for name, rest in (node.inputs, node.inputs[::-1]):
            if self.is_number(name, wanted):
                return rest
        return None

    def is_learned(self, name: str) -> bool:
        """Whether it is an initialiser of the file."""
        return name in self.model.tensors

    def replace(self, last: Node, inner: list[Node], op: str, inputs: list[str], attributes: dict[str, Any]) -> bool:
        """Replaces several nodes with one; False if something else reads their outputs."""
        there = {id(last), *(id(node) for node in inner)}
        for node in inner:
            for name in node.outputs:
                if name in self.ends or any(id(reader) not in there for reader in self.readers.get(name, ())):
                    return False
        if any(number in self.gone for number in there):
            return False
        made = Node.made(last, op, inputs, last.outputs, attributes)
        self.gone |= there - {id(last)}
        self.new[id(last)] = made
        for name in last.outputs:
            self.given[name] = made
        for name in inputs:
            self.readers.setdefault(name, []).append(made)
        return True

    def nodes(self) -> Iterator[Node]:
        """The remaining nodes, each new node in the place of the last one that it replaces."""
        for node in self.model.nodes:
            if id(node) in self.new:
                yield self.new[id(node)]
            elif id(node) not in self.gone:
                yield node
