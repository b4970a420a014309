"""torch.utils.flop_counter: what FlopCounterMode gives as `get_total_flops()`.

It sees the operations that reach PyTorch's kernels. On the CPU those of fused attention and of an LSTM
have no formula. Source: torch 2.13, utils/flop_counter.py.
"""

from __future__ import annotations

from archcalc.layers.saved import Saving
from archcalc.layers.sdpa import SDPA
from archcalc.layers.strides import Strides, contiguous
from archcalc.layers.tensor import Tensor
from archcalc.network.graph import Node
from archcalc.peers.attention import is_fused, learns_table, products
from archcalc.peers.base import Deltas, Peer
from archcalc.peers.call import Call

PEER = Peer(
    "flopcounter", "torch 2.13", "with FlopCounterMode() as counter: model.eval()(x)", "FLOPs", 2,
    "two for each multiply-accumulate", counts_params=False,
)  # fmt: skip

FUSED = "it does not count scores and weighted values of fused attention on the CPU"
STEPS = "it does not count an LSTM on the CPU"

PEER.same(
    "adaptiveavgpool", "adaptivemaxpool", "avgpool", "batchnorm", "clstoken", "conv", "convtranspose", "deformconv", "einsum", "elu",
    "embedding", "gelu", "groupnorm", "gru", "grucell", "instancenorm", "layernorm", "layerscale", "leakyrelu", "linear",
    "localresponsenorm", "lstmcell", "maxpool", "moe", "parameter", "posembed", "prelu", "relposbias", "relu", "relu6",
    "rmsnorm", "rnn", "rnncell", "selectivescan", "silu", "softmax", "upsample",
)  # fmt: skip


PEER.beyond("it counts products with zeros", lambda call: call.zeros, "matmul")


@PEER.rule("lstm")
def _lstm(call: Call) -> Deltas:
    """With a projection, which oneDNN does not support, PyTorch's own kernel does one product after the other."""
    return {} if call.argument("proj") is not None else {STEPS: -call.macs}


@PEER.rule("attention")
def _attention(call: Call) -> Deltas:
    return {FUSED: -products(call)[1] if is_fused(call) else 0}


@PEER.rule("sdpa")
def _sdpa(call: Call) -> Deltas | None:
    """The fused kernel requires vectors that are contiguous in memory."""
    assert isinstance(call.layer, SDPA)
    if not call.layer.can_fuse(learns_table(call), gpu=False, trains=False):
        return {}
    known: dict[int, Strides | None] = {}
    laid = [_strides(call, tensor, known) for tensor in call.inputs[:3]]
    together = [one is not None and (one.numbers[-1] == 1 or one.steps[-1] == 1) for one in laid]
    if all(together):
        return {FUSED: -call.macs}
    return None if None in laid else {}


def _strides(call: Call, tensor: Tensor, known: dict[int, Strides | None]) -> Strides | None:
    """The strides of `tensor`; None for what one copy of a repeat passes to the next."""
    if id(tensor) not in known:
        node = call.edges.producer(tensor)
        if node is None:
            given = any(tensor is one for one in call.graph.inputs.values())
            known[id(tensor)] = contiguous((call.batch, *tensor.shape)) if given else None
        else:
            known[id(tensor)] = _given(call, node, tensor, known)
    return known[id(tensor)]


def _given(call: Call, node: Node, tensor: Tensor, known: dict[int, Strides | None]) -> Strides | None:
    read = [_strides(call, one, known) for one in node.inputs]
    laid = tuple(one for one in read if one is not None)
    if node.layer is None or len(laid) < len(read):
        return None
    how = Saving((False,) * len(laid), call.batch, strides=laid, keeps=False, training=False)
    for name, further in (node.exit.outputs or {}).items():
        if call.edges.name(further) == call.edges.name(tensor):
            return node.layer.further_strides(name, how, node.exit, *node.inputs)
    return node.layer.strides(how, node.exit, *node.inputs)
