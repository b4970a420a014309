"""torchinfo: what its summary gives as `Total mult-adds` and `Total params`.

It multiplies the parameters of every module without children by the first size of its output, those
of a convolution also by the output's positions. Source: torchinfo 1.8.0, layer_info.py, calculate_macs.
"""

from __future__ import annotations

from archcalc.peers.attention import is_multihead, products
from archcalc.peers.base import BIAS, SCORES, Deltas, Peer
from archcalc.peers.call import Call
from archcalc.quantity import product

PEER = Peer("torchinfo", "1.8.0", "summary(model, input_data=x)", "mult-adds", modules=True, places=("params",))

POSITIONS = "it counts a linear layer once for a whole sequence"
OUTPUTS = "it counts a transposed convolution at every output position, not at every input"
SCALES = "it counts the weights of norms and other learned factors"
TABLES = "it counts embeddings and other learned vectors as products"
INSIDE = "it does not count the projections of nn.MultiheadAttention, which has a module inside"
RECURRENT_BIAS = "it counts recurrent biases as products"
CELLS = "it multiplies the weights of one step of a recurrent layer by the size of the state"
PLAIN = "it does not count products of two tensors, which have no weights"
TIED = "it counts tied parameters in every module that has them"

PEER.same("adaptiveavgpool", "adaptivemaxpool", "avgpool", "elu", "gelu", "leakyrelu", "localresponsenorm", "maxpool")
PEER.same("relu", "relu6", "silu", "softmax", "upsample")
PEER.without(PLAIN, "matmul", "einsum", "selectivescan")
PEER.without(SCORES, "sdpa")
PEER.beyond(
    SCALES, lambda call: call.batch * call.held,
    "batchnorm", "groupnorm", "instancenorm", "layernorm", "rmsnorm", "layerscale", "prelu",
)  # fmt: skip
PEER.beyond(TABLES, lambda call: call.batch * call.held, "embedding", "posembed", "clstoken", "parameter", "relposbias")


@PEER.rule("conv", "convtranspose", "deformconv")
def _convolution(call: Call) -> Deltas:
    if call.is_function:
        return {PLAIN: -call.macs}
    positions = call.written // int(call.y.shape[0])
    return {OUTPUTS: positions * call.weights["weight"] - call.macs, BIAS: call.bias_terms}


@PEER.rule("linear")
def _linear(call: Call) -> Deltas:
    return {
        POSITIONS: call.batch * call.weights["weight"] - call.macs,
        BIAS: call.batch * call.weights.get("bias", 0),
    }


@PEER.rule("moe")
def _router(call: Call) -> Deltas:
    """The router sees all positions as one batch."""
    return {BIAS: call.router_bias_terms}


@PEER.rule("rnn", "lstm", "gru")
def _recurrent(call: Call) -> Deltas:
    return {RECURRENT_BIAS: call.batch * int(call.x.shape[0]) * call.held - call.macs}


@PEER.rule("rnncell", "lstmcell", "grucell")
def _cell(call: Call) -> Deltas:
    """As for a sequence, by the first two sizes of the output, which here are samples and state."""
    return {CELLS: call.written * call.held - call.macs}


@PEER.rule("attention")
def _attention(call: Call) -> Deltas:
    """Without a PyTorch module for it, it has four linear layers and, optionally, two norms; sinks do not count."""
    projections, scores = products(call)
    if is_multihead(call):
        return {INSIDE: -projections, SCORES: -scores}
    weights = sum(size for name, size in call.weights.items() if name.endswith("_proj.weight"))
    biases = sum(size for name, size in call.weights.items() if name.endswith("_proj.bias"))
    sequences = call.batch * int(product(call.x.shape[:-2]))  # its leading axes are the module's own samples
    return {
        SCORES: -scores,
        POSITIONS: sequences * weights - projections,
        BIAS: sequences * biases,
        SCALES: sequences * (call.held - weights - biases - call.weights.get("sinks", 0)),
    }


def _params(call: Call) -> Deltas:
    return {TIED: (0 if call.reused else call.held) - call.params}


PEER.params = _params
