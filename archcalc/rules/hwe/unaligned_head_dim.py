"""HWE803."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.layers.attention import Attention
from archcalc.layers.sdpa import SDPA
from archcalc.network.graph import Node
from archcalc.rules.base import Finding, Rule, rule
from archcalc.rules.edits import with_argument
from archcalc.rules.mending import if_valid, mend
from archcalc.rules.model import Model

_STEP, _LARGEST = 8, 256


@rule("HWE803", "unaligned-head-dim")
class UnalignedHeadDim(Rule):
    """The fused attention kernels of GPUs pad a head of this size, or do not take it.

    FlashAttention takes heads of up to 256 elements in multiples of 8. Other sizes are padded with
    zeros before the kernel, and larger ones need another kernel. This project has not measured what
    that costs.

    Example:
        model: example
        dims: {seq: 16}
        input: [seq, 240]
        layers: [posembed length=16, attention 4 bias=qvo, linear 10]

    Use instead:
        model: example
        dims: {seq: 16}
        input: [seq, 256]
        layers: [posembed length=16, attention 4 bias=qvo, linear 10]

    Reference:
        github.com/Dao-AILab/flash-attention, issues 277 (up to 256) and 1347 (padding to multiples of 8).
    """

    about = (Attention, SDPA)
    severity = "info"
    evidence = "measured"

    fixable = "unsafe"

    def check(self, model: Model) -> Iterator[Finding]:
        """Every attention with such heads."""
        if model.device is None or model.device.kind != "gpu":
            return
        odd = [placed.node for placed in model.layers if not _fits(_head_dim(placed.node) or _STEP)]
        affected = model.everywhere(odd)
        for node in odd:
            size = _head_dim(node) or 0
            if size > _LARGEST:
                what, advice = f"more than the {_LARGEST} that fused kernels take", "use more heads"
            else:
                near = -(-size // _STEP) * _STEP
                what, advice = f"padded to {near}", f"choose width and heads so that a head has a multiple of {_STEP}"
            heads = _heads(node)
            edit = with_argument(node, "heads", str(heads)) if heads else None
            fix = mend(model, node, affected, f"write {heads} heads", edit, safe=False)
            fix = if_valid(model, fix, node, heads=heads or 0)
            message = f"a head has {size} elements: {what}"
            yield self.finding(model.placed(node), message, advice, (), fix, head_dim=size)


def _fits(size: int) -> bool:
    return size % _STEP == 0 and size <= _LARGEST


def _heads(node: Node) -> int | None:
    """The number of heads, closest to the layer's own, with which a head fits, if there is one."""
    layer = node.layer
    if not isinstance(layer, Attention) or layer.head_dim or layer.kv_heads or layer.relbias is not None:
        return None
    width = int(node.inputs[0].shape[-1])
    fitting = [heads for heads in range(1, width // _STEP + 1) if width % heads == 0 and _fits(width // heads)]
    return min(fitting, key=lambda heads: abs(heads - int(layer.heads)), default=None)


def _head_dim(node: Node) -> int | None:
    """The number of elements in a query of one head."""
    layer = node.layer
    if isinstance(layer, Attention):
        return int(layer.head_dim or int(node.inputs[0].shape[-1]) // int(layer.heads))
    if isinstance(layer, SDPA):
        return int(layer.q.shape[-1])
    return None
