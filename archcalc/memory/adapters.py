"""What LoRA adapters save for backward and need temporarily, in the usual form base(x) + B(A(x)) · factor.

Source: the forward pass of `LoRALinear` in PEFT and torchtune, compared with PyTorch's allocator on the CPU.
"""

from __future__ import annotations

from archcalc.layers.saved import Saved, Saving
from archcalc.network.graph import Adapter, Node

# The name under which attention keeps the input of its last projection.
_INNER = "output of the scores"


def learns(node: Node) -> bool:
    """Whether a layer saves what its own parameters or its internal adapters need for training."""
    return node.learns_itself or any(one.place < 0 for one in node.adapters)


def adapted(node: Node, how: Saving, saved: Saved, passing: tuple[int, int]) -> tuple[Saved, tuple[int, int]]:
    """What a layer with adapters keeps, and needs temporarily.

    Each adapter keeps its input and the product with its first matrix. In the forward pass the second product, and its
    product with the factor, exist beside the output of the layer's own matrix. In the backward pass the gradient times
    the factor exists, then two gradients of the input until they are added.
    """
    layer = node.layer
    assert layer is not None
    sizes = {one.name: one.positions for one in layer.projections(node.exit, *node.inputs)}
    extra, forward, backward = dict(saved.extra), 0, 0
    alone = not any(sizes)
    if not alone and not any(how.needs) and not node.learns_itself and all(one.place < 0 for one in node.adapters):
        extra = {_INNER: saved.extra[_INNER]}  # no gradient goes through the scores
    for adapter in node.adapters:
        positions = how.batch * int(sizes[adapter.name.partition(".")[2]])
        extra[adapter.name] = positions * adapter.rank * how.width
        given, read = positions * adapter.rows * how.width, positions * adapter.columns * how.width
        forward = max(forward, 2 * given)
        backward = max(backward, _backward(adapter, how, given, read))
    places = {one.place for one in node.adapters if one.place >= 0}
    own = saved.inputs if node.learns_itself or alone else ()
    kept = Saved(
        (*own, *sorted(places - set(own))), saved.output, extra, saved.states, saved.further, saved.alone, saved.spread
    )
    if alone:
        return kept, (passing[0] + forward, passing[1] + backward)
    return kept, (max(passing[0], forward), max(passing[1], backward))


def _backward(adapter: Adapter, how: Saving, given: int, read: int) -> int:
    """Bytes besides the gradients of the output and of the input."""
    needed = adapter.place < 0 or how.needs[adapter.place]
    return max(given - read, read) if needed else given
