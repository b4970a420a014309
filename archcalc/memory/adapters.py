"""What LoRA adapters save for backward and need temporarily, in the usual form base(x) + B(A(x)) · factor.

Source: the forward pass of `LoRALinear` in PEFT and torchtune, compared with PyTorch's allocator on the CPU.
"""

from __future__ import annotations

from archcalc.layers.saved import Saved, Saving
from archcalc.network.graph import Adapter, Node

# What attention keeps of what its last projection reads.
_INNER = "output of the scores"


def learns(node: Node) -> bool:
    """Whether a layer saves what its own parameters or its internal adapters need for training."""
    return node.learns_itself or any(one.place < 0 for one in node.adapters)


def adapted(node: Node, how: Saving, saved: Saved, passing: tuple[int, int]) -> tuple[Saved, tuple[int, int]]:
    """What a layer keeps with its adapters, and needs in passing.

    Each keeps what it reads and the product with its first matrix. Forward, what the second gives, and its product with
    the factor, are there beside what the layer's own matrix gives; backward, the gradient times the factor, then that of
    the input twice before both are added.
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
    kept = Saved((*own, *sorted(places - set(own))), saved.output, extra, saved.states, saved.further, saved.alone)
    if alone:
        return kept, (passing[0] + forward, passing[1] + backward)
    return kept, (max(passing[0], forward), max(passing[1], backward))


def _backward(adapter: Adapter, how: Saving, given: int, read: int) -> int:
    """Bytes beside the gradients of what is given and of what is read."""
    needed = adapter.place < 0 or how.needs[adapter.place]
    return max(given - read, read) if needed else given
