"""ptflops: what get_model_complexity_info gives as MACs and params with its backend `pytorch`, the default.

It counts in modules of the types in its table, and again in functions that those call, so that some
layers count twice. Source: ptflops 0.7.5, pytorch_engine.py and pytorch_ops.py.
"""

from __future__ import annotations

import math

from archcalc.layers.recurrent import Recurrent
from archcalc.peers.attention import biases, is_multihead, products
from archcalc.peers.base import BIAS, SCORES, Deltas, Peer, Rule
from archcalc.peers.call import Call
from archcalc.peers.gates import GATES, of_cells, of_steps

PEER = Peer(
    "ptflops",
    "0.7.5",
    "get_model_complexity_info(model, size)",
    "MACs",
    modules=True,
    one_sample=True,
    places=("macs",),
)

TWICE = "it counts activations and pooling twice, in the module and in its function: 2 for each element of the input"
ONCE = "it counts these activations once: 1 for each element"
NORMS = "it counts 2 for each element of a norm, 1 without scale and shift, and 1 for nn.LayerNorm"
LRN = "it counts 3 for each element of local response normalisation, and 1 for each padded square"
RESIZED = "it counts resizing twice, in the module and in its function: 2 for each element of the output"
PROJECTED = "it does not count the projection of an lstm"
FUNCTION = "it does not count a convolution that is called as a function"
SUBCLASS = "it does not count subclasses of PyTorch's modules, which are not in its table"
INSIDE = "it does not count the projections of a subclass of nn.MultiheadAttention"
TRAINED = "it counts trained parameters only"
OPERATORS = "it does not count `@` and torch.einsum"

PEER.same("clstoken", "embedding", "layerscale", "parameter", "posembed", "relposbias", "rmsnorm")
PEER.without(OPERATORS, "matmul", "einsum", "selectivescan")
PEER.without(SCORES, "sdpa")
PEER.without(FUNCTION, "deformconv")
PEER.beyond(BIAS, lambda call: call.bias_terms, "linear")
PEER.beyond(BIAS, lambda call: call.router_bias_terms, "moe")
PEER.beyond(
    TWICE, lambda call: 2 * call.read,
    "adaptiveavgpool", "adaptivemaxpool", "avgpool", "elu", "gelu", "maxpool", "prelu", "relu",
)  # fmt: skip
PEER.beyond(ONCE, lambda call: call.read, "leakyrelu", "relu6", "silu", "softmax")
PEER.beyond(NORMS, lambda call: call.read * (2 if call.is_affine else 1), "batchnorm", "groupnorm", "instancenorm")
PEER.beyond(NORMS, lambda call: call.read, "layernorm")


def _params(call: Call) -> Deltas:
    """Those with `requires_grad`."""
    return {TRAINED: -call.params} if call.node.frozen else {}


PEER.params = _params


@PEER.rule("conv", "convtranspose")
def _convolution(call: Call) -> Deltas:
    return {FUNCTION: -call.macs} if call.is_function else {BIAS: call.bias_terms}


@PEER.rule("localresponsenorm")
def _local_response(call: Call) -> Deltas:
    channels, size = int(call.x.shape[0]), int(call.argument("size"))
    return {LRN: 3 * call.read + call.read // channels * (channels + size - 1)}


@PEER.rule("upsample")
def _upsample(call: Call) -> Deltas | None:
    """In the function, fractional factors given per axis are truncated; a single one gives a fraction."""
    if call.argument("scale") is None:
        return {RESIZED: 2 * call.written}
    factors = [float(one) for one in call.layer.per_axis("scale", call.axes, call.x)]
    if len(set(factors)) > 1:
        function = float(call.read * math.prod(int(one) for one in factors))
    else:
        function = call.read * factors[0] ** call.axes
    return {RESIZED: call.written + int(function)} if function.is_integer() else None


def _recurrent(each: int) -> Rule:
    """With this many operations for each unit at each step, without biases."""

    def count(call: Call) -> Deltas:
        layer = call.layer
        assert isinstance(layer, Recurrent)
        if layer.biases == 1:
            return {SUBCLASS: -call.macs}
        return {GATES: of_steps(each, call), PROJECTED: -call.batch * int(layer.projection_macs(call.x))}

    return count


PEER.rule("rnn")(_recurrent(1))
PEER.rule("gru")(_recurrent(7))
PEER.rule("lstm")(_recurrent(10))
PEER.rule("rnncell")(of_cells(1))
PEER.rule("grucell")(of_cells(7))
PEER.rule("lstmcell")(of_cells(10))


@PEER.rule("attention")
def _attention(call: Call) -> Deltas:
    projections, scores = products(call)
    if is_multihead(call):
        return {INSIDE: -projections, SCORES: -scores}
    return {SCORES: -scores, BIAS: biases(call)}
