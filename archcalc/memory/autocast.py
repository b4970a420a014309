"""torch.autocast: the type in which each layer computes, and the casts that this takes.

Parameters stay in fp32. Matrix-product layers compute in 16 bits and read cast copies of other types; autograd
keeps the copies, and gradients are in 16 bits until they reach the tensors that were copied. In training, copies of
trained parameters are cached until the forward pass ends; at inference every layer makes its own.
No copy of a quantised matrix is kept: each pass dequantises it, in the compute type, for its own product only.
Source: torch/csrc/autocast and aten/src/ATen/autocast_mode.h of PyTorch 2.13, compared with its allocator on the CPU.
"""

from __future__ import annotations

from archcalc.layers.memory import LOW, ROUTED, WIDE
from archcalc.layers.tensor import Tensor
from archcalc.memory.given import is_pointwise
from archcalc.memory.stored import Stored
from archcalc.memory.structure import Structure
from archcalc.memory.values import Storage, Value
from archcalc.network.graph import Node
from archcalc.quantity import plain, product
from archcalc.running import Running
from archcalc.running.precisions import BYTES

# Copies of parameters, each under its name in the layer.
Copies = list[tuple[str, Storage]]


class Autocast:
    """The types of one run; without autocast they are all the same.

    Attributes:
        is_on: whether each layer has its own compute type.
        remembered: the cached copies of parameters, by owner, its copy, and name.
    """

    def __init__(self, running: Running, structure: Structure, stored: Stored) -> None:
        self.running, self.structure, self.stored, self.types = running, structure, stored, running.types
        self.is_on = self.types.autocast
        self.remembered: dict[tuple[int, str, tuple[int, ...]], Storage] = {}

    def computes(self, node: Node, inputs: list[Value]) -> int:
        """Bytes per number of a layer's compute type."""
        types, layer = self.types, node.layer
        assert layer is not None
        if not types.autocast:
            return types.width
        if layer.autocast in (LOW, ROUTED):
            return BYTES[types.computes]
        if layer.is_wide(self.running.gpu, *node.inputs):
            return types.width
        return max((value.width for value, x in zip(inputs, node.inputs) if not x.integer), default=types.width)

    def casts(self, node: Node) -> bool:
        """Whether it casts a layer's parameters to 16 bits."""
        return self.is_on and node.layer is not None and node.layer.autocast in (LOW, ROUTED)

    def parameters(
        self, node: Node, width: int, at: tuple[int, ...], experts: int, stored: int
    ) -> tuple[Copies, list[Storage]]:
        """The 16-bit copies of a layer's parameters: all that it reads, and those that are cached from now on.

        Args:
            at: which copy it is in each repeated group around it.
            experts: how many experts are simulated as one.
            stored: how many there are.
        """
        layer, read, new = node.layer, Copies(), list[Storage]()
        assert layer is not None
        if not self.casts(node):
            return read, new
        for one in self.structure.learned.by(node):
            key = (one.owner, one.name, one.copy(at))
            known = self.remembered.get(key)
            if known is None:
                known = Storage(one.size * width, stored)
                if self.running.trains:
                    self.remembered[key] = known
                    new.append(known)
            read.append((one.name, known))
        if node.frozen and node.inputs:
            shapes, restored = layer.params(node.inputs[0]).values(), self.stored.is_quantised(node)
            numbers = sum(plain(product(shape)) for shape in shapes if not (restored and len(shape) == 2))
            read.append(("", Storage(numbers * experts * width, experts)))
        return read, new

    def inputs(self, node: Node, inputs: list[Value], width: int, experts: int) -> dict[int, Storage]:
        """The casts of inputs that have another type, by position."""
        if not self.copies(node):
            return {}
        copies: dict[Storage, Storage] = {}
        read = self._read(node, inputs)
        for value, x in zip(read, node.inputs):
            if value.width != width and not x.integer:
                size = value.bytes // value.width * width
                copies.setdefault(value.storage, Storage(size * self._readers(node, x), experts))
        return {index: copies[value.storage] for index, value in enumerate(read) if value.storage in copies}

    def _read(self, node: Node, inputs: list[Value]) -> list[Value]:
        """The inputs that a layer reads in its own type."""
        return inputs[:1] if node.layer is not None and node.layer.autocast == ROUTED else inputs

    def _readers(self, node: Node, x: Tensor) -> int:
        """How many copies of an input a layer keeps; a copy that no parameter learns from is freed at once."""
        if not self.running.trains or node.layer is None:
            return 1
        places = [place for place, other in enumerate(node.inputs) if other is x]
        own = sum(node.layer.readers(place, node.exit, *node.inputs) for place in places) * node.learns_itself
        return max(1, own + sum(one.place in places for one in node.adapters))

    def uncast(self, node: Node, inputs: list[Value], width: int) -> tuple[dict[int, int], int]:
        """Bytes of the gradients of inputs and of parameters in the compute type, where that is another type."""
        if not self.is_on or not self.copies(node):
            return {}, 0
        of_inputs = {
            id(value): value.bytes // value.width * width
            for value, x in zip(self._read(node, inputs), node.inputs)
            if value.width != width and not x.integer
        }
        assert node.layer is not None
        if node.layer.autocast not in (LOW, ROUTED):
            return of_inputs, 0
        return of_inputs, sum(one.size for one in self.structure.learned.by(node)) * width

    def joined(self, node: Node, inputs: list[Value], width: int) -> int:
        """Bytes of the temporary copies that the CPU makes of narrower operands while it computes a sum or a product.

        The wider one may be a parameter. Source: compute_types in aten/src/ATen/TensorIterator.cpp.
        """
        layer = node.layer
        assert layer is not None
        if not self.is_on or self.running.gpu or not (layer.joins or (len(inputs) > 1 and is_pointwise(layer))):
            return 0
        operands = zip(inputs, node.inputs)
        return sum(value.bytes // value.width * width for value, x in operands if value.width < width and not x.integer)

    def joined_back(self, node: Node, inputs: list[Value], needs: tuple[bool, ...], width: int) -> int:
        """Bytes of the gradients of narrower factors before they are in their own type, a cast of which comes last."""
        layer = node.layer
        assert layer is not None
        if not self.is_on or self.running.gpu or not layer.multiplies:
            return 0
        return sum(
            value.bytes // value.width * width
            for value, x, needed in zip(inputs, node.inputs, needs)
            if needed and value.width < width and not x.integer
        )

    def copies(self, node: Node) -> bool:
        """Whether it may cast what a layer reads."""
        assert node.layer is not None
        return node.layer.autocast in (LOW, WIDE, ROUTED)
