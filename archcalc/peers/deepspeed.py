"""DeepSpeed's flops profiler: what get_model_profile gives as MACs and params.

It replaces functions of torch and torch.nn.functional with ones that count. Its FLOPs are a separate sum,
with biases, norms, activations and pooling. Source: deepspeed 0.19.8, profiling/flops_profiler/profiler.py.
"""

from __future__ import annotations

from archcalc.peers.base import Deltas, Peer
from archcalc.peers.call import Call
from archcalc.quantity import product

PEER = Peer("deepspeed", "0.19.8", "get_model_profile(model, args=[x])", "MACs")

RECURRENT = "it has recurrent layers in its FLOPs, not in its MACs"
EINSUM = "it has an einsum in its FLOPs, not in its MACs"
EVEN = "it takes the output of padding=same with an even kernel to be 1 smaller"
ZEROS = "it counts products with zeros"
STRETCHED = "it counts a matrix product once where its first factor is broadcast"

PEER.same(
    "adaptiveavgpool", "adaptivemaxpool", "attention", "avgpool", "batchnorm", "clstoken", "convtranspose", "deformconv", "elu",
    "embedding", "gelu", "groupnorm", "instancenorm", "layernorm", "layerscale", "leakyrelu", "linear",
    "localresponsenorm", "maxpool", "moe", "parameter", "posembed", "prelu", "relposbias", "relu", "relu6", "rmsnorm",
    "sdpa", "selectivescan", "silu", "softmax", "upsample",
)  # fmt: skip
PEER.without(RECURRENT, "rnn", "lstm", "gru", "rnncell", "lstmcell", "grucell")
PEER.without(EINSUM, "einsum")


@PEER.rule("conv")
def _convolution(call: Call) -> Deltas:
    """For padding=same it assumes half of a window's reach, rounded down, as padding on both sides."""
    layer = call.layer
    if call.is_function or getattr(layer, "padding", None) != "same":
        return {}
    kernel, dilation = (layer.per_axis(name, call.axes, call.x) for name in ("kernel", "dilation"))
    odd = [d * (k - 1) % 2 for k, d in zip(kernel, dilation)]
    positions = product(int(size) - lost for size, lost in zip(call.y.shape[1:], odd))
    return {EVEN: call.batch * positions * (call.macs // call.batch // product(call.y.shape[1:])) - call.macs}


@PEER.rule("matmul")
def _matmul(call: Call) -> Deltas:
    return {ZEROS: call.zeros, STRETCHED: call.read * int(call.inputs[1].shape[-1]) - call.macs - call.zeros}
