"""torch.utils.flop_counter: what FlopCounterMode gives as `get_total_flops()`.

It sees the operations that reach PyTorch's kernels. On the CPU those of fused attention and of an LSTM
have no formula. Source: torch 2.13, utils/flop_counter.py.
"""

from __future__ import annotations

from archcalc.layers.algebra import Einsum, MatMul, MoE
from archcalc.layers.attention import Attention
from archcalc.layers.cutting import Select
from archcalc.layers.dense import Embedding, Linear
from archcalc.layers.lstm import LSTM
from archcalc.layers.normalization import LayerNorm
from archcalc.layers.position import RelPosBias
from archcalc.layers.rearrange import Rearrange
from archcalc.layers.recurrent import GRU, RNN
from archcalc.layers.sdpa import SDPA
from archcalc.layers.shape import Expand, Transpose
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node
from archcalc.peers.attention import is_fused, products
from archcalc.peers.base import Deltas, Peer
from archcalc.peers.call import Call

PEER = Peer(
    "flopcounter", "torch 2.13", "with FlopCounterMode() as counter: model.eval()(x)", "FLOPs", 2,
    "two for each multiply-accumulate", counts_params=False,
)  # fmt: skip

FUSED = "it does not count scores and weighted values of fused attention on the CPU"
STEPS = "it does not count an LSTM on the CPU"

PEER.same(
    "adaptiveavgpool", "adaptivemaxpool", "avgpool", "batchnorm", "clstoken", "conv", "convtranspose", "einsum", "elu",
    "embedding", "gelu", "groupnorm", "gru", "grucell", "instancenorm", "layernorm", "layerscale", "leakyrelu", "linear",
    "localresponsenorm", "lstmcell", "matmul", "maxpool", "moe", "parameter", "posembed", "prelu", "relposbias", "relu", "relu6",
    "rmsnorm", "rnn", "rnncell", "silu", "softmax", "upsample",
)  # fmt: skip


@PEER.rule("lstm")
def _lstm(call: Call) -> Deltas:
    """With a projection, which oneDNN has none of, PyTorch's own kernel does one product after the other."""
    return {} if call.argument("proj") is not None else {STEPS: -call.macs}


@PEER.rule("attention")
def _attention(call: Call) -> Deltas:
    return {FUSED: -products(call)[1] if is_fused(call) else 0}


@PEER.rule("sdpa")
def _sdpa(call: Call) -> Deltas | None:
    """The fused kernel takes four axes, values as wide as the queries, and vectors that lie together in memory."""
    q, _, v = call.inputs
    if q.rank != 3 or q.shape[-1] != v.shape[-1]:
        return {}
    scattered = any(_may_be_scattered(call, tensor) for tensor in call.inputs)
    return None if scattered else {FUSED: -call.macs}


# Layers whose output has its features together, however the input lies in memory.
_TOGETHER = (Attention, Embedding, GRU, LayerNorm, Linear, LSTM, MatMul, MoE, RNN, SDPA)
# Layers that may give another axis that place.
_SCATTERING = (Einsum, Expand, RelPosBias, Select, Transpose)


def _may_be_scattered(call: Call, tensor: Tensor) -> bool:
    """Whether the last axis of `tensor` may not be the one whose elements follow each other in memory."""
    pending, seen = [tensor], set()
    while pending:
        one = pending.pop()
        node = call.edges.producer(one)
        if node is None:  # an input of the model, or what one copy of a repeat gives to the next
            if all(one is not given for given in call.graph.inputs.values()):
                return True
        elif isinstance(node.layer, _SCATTERING) or _moves_the_last_axis(node):
            return True
        elif not isinstance(node.layer, _TOGETHER) and id(node) not in seen:
            seen.add(id(node))
            pending += node.inputs
    return False


def _moves_the_last_axis(node: Node) -> bool:
    if not isinstance(node.layer, Rearrange):
        return False
    before, _, after = node.layer.pattern.partition("->")
    return before.split()[-1].strip("()") != after.split()[-1].strip("()")
