"""One layer of a network, as Python sees it."""

from __future__ import annotations

from functools import cached_property

from archcalc.cost import Cost
from archcalc.derivation import Derivation, derive
from archcalc.network.graph import Node


class Layer:
    """One layer of a network; numbers are for all its copies and the whole batch.

    Attributes:
        id: its path in the network, such as `stem.conv`.
        op: the layer's name in the language.
        label: what a person would call it, such as `conv 64 7×7/2`.
        count: how many equal copies it stands for.
        inputs, output: shapes without the batch.
        params, active_params, trainable_params, buffers, macs, flops, other_flops, activation_bytes: what it costs.
        parameters: named shapes of one copy's own parameters.
        line, column: its place in the spec.
    """

    def __init__(self, node: Node, cost: Cost, count: int) -> None:
        self._node = node
        self.id = node.id
        self.op = node.op
        self.label = node.label
        self.count = count
        self.inputs = tuple(tuple(int(size) for size in x.shape) for x in node.inputs)
        self.output = tuple(int(size) for size in node.output.shape)
        self.params = cost.params
        self.active_params = cost.active_params
        self.trainable_params = cost.trainable
        self.buffers = cost.buffers
        self.macs = cost.macs
        self.flops = cost.flops
        self.other_flops = cost.other_flops
        self.activation_bytes = cost.activation_bytes
        self.parameters = {name: tuple(int(size) for size in shape) for name, shape in node.params.items()}
        self.line = node.place.line
        self.column = node.place.column

    @cached_property
    def derivation(self) -> Derivation:
        """Its formulas for one copy and one sample; quantities have `.numbers()` and `.names()`."""
        return derive(self._node)

    @property
    def formulas(self) -> dict[str, str]:
        """How `parameters`, `macs` and `other_flops` are computed: `(3·3·3 + 1)·2`."""
        from archcalc.quantity import numbers

        found = self.derivation
        return {name: numbers(getattr(found, name)) for name in ("parameters", "macs", "other_flops")}

    def __repr__(self) -> str:
        return f"<{self.id}: {self.label} -> {list(self.output)}, {self.params:,} parameters>"
