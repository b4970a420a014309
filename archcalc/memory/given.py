"""What a layer is told when it runs: bytes of tensors, memory shared by all samples, and an attention kernel."""

from __future__ import annotations

from archcalc.layers.base import Layer
from archcalc.layers.tensor import Tensor
from archcalc.memory.values import Storage, Value
from archcalc.network.graph import Node
from archcalc.quantity import plain
from archcalc.running import Running
from archcalc.running.declaration import AUTO, FLASH, MATH

# Bytes of a token id or a class (int64).
INDEX = 8


def tensor_bytes(x: Tensor, batch: int, width: int) -> int:
    """Bytes of a tensor for the whole batch, at `width` bytes a number."""
    return x.numel * x.samples(batch) * (INDEX if x.integer else width)


def forced(running: Running) -> str | None:
    """The requested kernel, as layers take it: all that keep no scores are one; None if PyTorch chooses."""
    if running.attention in ("", AUTO) or "attention" in running.assumed:
        return None
    return MATH if running.attention == MATH else FLASH


def for_each(node: Node, x: Tensor, value: Value, batch: int) -> Value:
    """How a layer reads `x`: the same memory for every sample if `x` does not depend on the samples."""
    if node.layer is None or node.layer.broadcasts or x.batched or not node.exit.batched:
        return value
    beside = max((plain(one.entries) for one in node.inputs if one.batched), default=1)
    batch = batch * beside // plain(node.exit.entries)  # what `each` splits has fewer samples than there are entries
    repeated = Value(value.storage, value.bytes * batch, value.strides.expanded((batch, *x.shape)), value.width)
    repeated.states = value.states
    if batch > 1:
        repeated.states = {name: Storage(one.bytes * batch) for name, one in value.states.items()}
    return repeated


def is_pointwise(layer: Layer) -> bool:
    """Whether a compiled step recomputes its output from its inputs, or from these and a few statistics."""
    return layer.elementwise or layer.hands_on
