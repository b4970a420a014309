"""A single layer with its input shapes: what calibration measures."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from archcalc.diagnostics import Source
from archcalc.layers.arguments import Argument
from archcalc.layers.base import REGISTRY, Layer
from archcalc.layers.layout import ASKS, CHANNELS_FIRST, LAYOUTS
from archcalc.layers.merge import Residual
from archcalc.layers.operands import Body, Operands, Reference
from archcalc.layers.tensor import Shape, Tensor
from archcalc.network.graph import Node
from archcalc.network.load import Graph, build_graph

# The names of a layer's inputs, in order, where it has several.
NAMES = "abcdefgh"


@dataclass(frozen=True)
class Sample:
    """One layer, written as a spec of its own.

    Attributes:
        op: the layer's name in the language.
        arguments: its keys with their values as text.
        inputs: its input shapes, without the batch.
        tensors: the keys that take a tensor, `kv` or `operands`; inputs after the layer's own are theirs, in order.
        batch: samples per batch.
    """

    op: str
    arguments: tuple[tuple[str, str], ...]
    inputs: tuple[Shape, ...]
    tensors: tuple[str, ...] = ()
    batch: int = 1

    @property
    def layer(self) -> type[Layer]:
        """The class of the layer."""
        return REGISTRY[self.op]

    @property
    def text(self) -> str:
        """The spec."""
        names = list(NAMES[: len(self.inputs)])
        keys: dict[str, object] = dict(self.arguments)
        given = iter(names[1:] if self.layer.takes_input else names)
        for key in self.tensors:
            keys[key] = list(given) if key == "operands" else next(given)
        line: dict[str, object] = {self.op: keys}
        if self.layer.takes_input and len(names) > 1:
            line["from"] = names[0]
        inputs = {name: list(map(int, shape)) for name, shape in zip(names, self.inputs)}
        return f"model: layer\ninput: {json.dumps(inputs)}\nlayers:\n  - {json.dumps(line)}\n"

    def graph(self) -> Graph:
        """The network that has only this layer. Raises `SpecError` if the shapes do not fit."""
        return build_graph(Source("layer.yaml", self.text), batch=self.batch)

    def replaced(self, arguments: dict[str, str], inputs: Iterable[Shape], batch: int) -> Sample:
        """The same layer with other numbers."""
        return replace(self, arguments=tuple(arguments.items()), inputs=tuple(inputs), batch=batch)


def sample_of(node: Node, batch: int) -> Sample | None:
    """The layer of `node` as a sample; None if it cannot stand alone (experts, a carried state, `each`, unpooling)."""
    layer = node.layer
    assert layer is not None
    if not layer.shown or node.op not in REGISTRY:  # only a scan has these
        return None
    if isinstance(node.layer, Residual):
        return Sample("add", (), tuple(plain(x) for x in (node.exit, node.exit)), ("operands",), batch)
    arguments: dict[str, str] = {}
    inputs = [plain(node.inputs[0])] if layer.takes_input and node.inputs else []
    tensors = []
    for name, argument in layer.arguments.items():
        value = getattr(layer, name, None)
        if isinstance(argument, Body):
            return None
        if isinstance(argument, Operands):
            inputs = [plain(operand) for operand in node.inputs]
            tensors.append(name)
        elif isinstance(argument, Reference):
            if name == "state" or value is None:
                continue
            if value.places is not None:  # positions that only a pooling layer can give
                return None
            inputs.append(plain(value))
            tensors.append(name)
        elif value is not None and not isinstance(value, Argument) and value != argument.default:
            arguments[name] = value if isinstance(value, str) else argument.show(value)  # JSON quotes texts
    if not inputs or len(inputs) > len(NAMES):
        return None
    first = node.inputs[0] if node.inputs else None
    axis = layer.arguments.get("axis")
    if layer.layout == ASKS and axis is not None and "axis" not in arguments and first is not None:
        # The input of a lone layer may have channels or features; the spec must say which.
        arguments["axis"] = str(first.feature_axis)
    return Sample(node.op, tuple(arguments.items()), tuple(inputs), tuple(tensors), batch)


def plain(tensor: Tensor) -> Shape:
    """The shape as plain numbers."""
    return tuple(int(size) for size in tensor.shape)


def feature_axis(sample: Sample, shape: Shape) -> int:
    """Which axis of an input holds its channels or features; images where the layer takes either."""
    layout, axis = sample.layer.layout, dict(sample.arguments).get("axis")
    if layout == ASKS and axis is not None:
        return int(axis) % len(shape)
    if layout not in LAYOUTS:
        return 0 if len(shape) > 2 else len(shape) - 1
    return 0 if layout == CHANNELS_FIRST else len(shape) - 1
