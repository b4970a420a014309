"""torch.utils.flop_counter: what FlopCounterMode gives as `get_total_flops()`.

It sees the operations that reach PyTorch's kernels. On the CPU those of fused attention and of an LSTM
have no formula. Source: torch 2.13, utils/flop_counter.py.
"""

from __future__ import annotations

from archcalc.layers.shape import Rearrange
from archcalc.layers.tensor import Tensor
from archcalc.peers.attention import has_bias_of_scores, is_multihead, products
from archcalc.peers.base import Deltas, Peer
from archcalc.peers.call import Call

PEER = Peer(
    "flopcounter", "torch 2.13", "with FlopCounterMode() as counter: model.eval()(x)", "FLOPs", 2,
    "two for each multiply-accumulate", counts_params=False,
)  # fmt: skip

FUSED = "it does not count scores and weighted values of fused attention on the CPU"
LSTM = "it does not count an LSTM on the CPU"

PEER.same(
    "adaptiveavgpool", "adaptivemaxpool", "avgpool", "batchnorm", "clstoken", "conv", "convtranspose", "einsum", "elu",
    "embedding", "gelu", "groupnorm", "gru", "instancenorm", "layernorm", "layerscale", "leakyrelu", "linear",
    "localresponsenorm", "matmul", "maxpool", "moe", "parameter", "posembed", "prelu", "relposbias", "relu", "relu6",
    "rmsnorm", "rnn", "silu", "softmax", "upsample",
)  # fmt: skip
PEER.without(LSTM, "lstm")


@PEER.rule("attention")
def _attention(call: Call) -> Deltas:
    """A mask that learns is not for the fused kernel."""
    fused = is_multihead(call) and not has_bias_of_scores(call)
    return {FUSED: -products(call)[1] if fused else 0}


@PEER.rule("sdpa")
def _sdpa(call: Call) -> Deltas | None:
    """The fused kernel takes four axes, values as wide as the queries, and vectors that lie together in memory."""
    q, _, v = call.inputs
    if q.rank != 3 or q.shape[-1] != v.shape[-1]:
        return {}
    scattered = any(_may_be_scattered(call, tensor, set()) for tensor in call.inputs)
    return None if scattered else {FUSED: -call.macs}


# Layers whose output has its features together, however the input lies in memory.
_TOGETHER = ("attention", "embedding", "gru", "layernorm", "linear", "lstm", "matmul", "moe", "rnn", "sdpa")


def _may_be_scattered(call: Call, tensor: Tensor, seen: set[int]) -> bool:
    """Whether the last axis of `tensor` may not be the one whose elements follow each other in memory."""
    node = call.edges.producer(tensor)
    if node is None:  # an input of the model, or what one copy of a repeat gives to the next
        return all(tensor is not given for given in call.graph.inputs.values())
    if node.op in _TOGETHER or id(node) in seen:
        return False
    seen.add(id(node))
    if node.op in ("einsum", "expand", "relposbias", "select", "transpose"):
        return True
    if isinstance(node.layer, Rearrange):
        before, _, after = node.layer.pattern.partition("->")
        if before.split()[-1].strip("()") != after.split()[-1].strip("()"):
            return True
    return any(_may_be_scattered(call, x, seen) for x in node.inputs)
