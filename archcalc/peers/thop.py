"""thop (pytorch-OpCounter): what profile gives as MACs and params.

It counts only in modules of the types in its table; it does not see functions and operators.
Source: thop 0.1.1.post2209072238, profile.py, vision/basic_hooks.py, vision/calc_func.py, rnn_hooks.py.
"""

from __future__ import annotations

import math

from archcalc.layers.attention import Attention
from archcalc.layers.feature_axis import FeatureAxis
from archcalc.layers.recurrent import Recurrent
from archcalc.peers.attention import is_multihead, products
from archcalc.peers.base import SCORES, Deltas, Peer, Rule
from archcalc.peers.call import Call
from archcalc.peers.gates import GATES, of_cells, of_steps
from archcalc.quantity import product

PEER = Peer("thop", "0.1.1.post2209072238", "profile(model, (x,))", "MACs", modules=True, places=("macs", "params"))

OUTPUTS = "it counts a transposed convolution at every output position, not at every input"
NORMS = "it counts 4 for each element of a norm, 2 without a scale"
SOFTMAX = "it counts softmax: 3 for each element, less 1 for each sum"
SLOPES = "it counts 1 for each element of prelu"
POOLED = "it counts average pooling: 1 for each element of the output"
ADAPTIVE = "it counts adaptive average pooling: 1 for each element of the output, and the size of its window"
RESIZED = "it counts resizing for each element of the output: nearest 1, linear 5, bilinear 11, bicubic 259"
PROJECTED = "it does not know the projection of an lstm"
INSIDE = "it does not count the projections of nn.MultiheadAttention, which is not in its table"
FUNCTIONS = "it does not count products of two tensors, which are not modules"
SUBCLASS = "it does not count subclasses of PyTorch's modules, which are not in its table"
NO_TABLE = "it does not count parameters of modules that are not in its table"
TIED = "it counts tied parameters in every module that has them"

PEER.same(
    "adaptivemaxpool", "clstoken", "elu", "embedding", "gelu", "groupnorm", "layerscale", "leakyrelu",
    "linear", "localresponsenorm", "maxpool", "moe", "parameter", "posembed", "relposbias", "relu", "relu6",
    "rmsnorm", "silu",
)  # fmt: skip
PEER.without(FUNCTIONS, "matmul", "einsum", "selectivescan")
PEER.without(SCORES, "sdpa")
PEER.without(SUBCLASS, "deformconv")
PEER.beyond(
    NORMS, lambda call: call.read * (4 if call.is_affine else 2), "batchnorm", "instancenorm", "layernorm"
)  # fmt: skip
PEER.beyond(SLOPES, lambda call: call.read, "prelu")
PEER.beyond(POOLED, lambda call: call.written, "avgpool")

_RESIZED = {"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 259, "trilinear": 0}
PEER.reads(
    "batchnorm", "conv", "convtranspose", "gru", "grucell", "instancenorm", "layernorm", "linear", "lstm", "lstmcell",
    "moe", "prelu", "rnn", "rnncell",
)  # fmt: skip


@PEER.rule("conv")
def _convolution(call: Call) -> Deltas:
    return {FUNCTIONS: -call.macs if call.is_function else 0}


@PEER.rule("convtranspose")
def _transposed(call: Call) -> Deltas:
    if call.is_function:
        return {FUNCTIONS: -call.macs}
    x, groups = int(call.x.shape[0]), int(call.argument("groups"))
    kernel = product(call.layer.per_axis("kernel", call.axes, call.x))
    return {OUTPUTS: call.written * (x // groups) * int(kernel) - call.macs}


@PEER.rule("softmax")
def _softmax(call: Call) -> Deltas:
    assert isinstance(call.layer, FeatureAxis)
    axis = call.layer.along(call.x)
    return {SOFTMAX: 3 * call.read - call.read // int(call.x.shape[axis])}


@PEER.rule("adaptiveavgpool")
def _adaptive(call: Call) -> Deltas:
    """In floating point and rounded down, as in its source."""
    share = math.prod(int(a) / int(b) for a, b in zip(call.x.shape[1:], call.y.shape[1:]))
    return {ADAPTIVE: int((share + 1) * call.written)}


@PEER.rule("upsample")
def _upsample(call: Call) -> Deltas:
    return {RESIZED: _RESIZED[call.argument("mode")] * call.written}


def _without_projection(layer: Recurrent, call: Call) -> int:
    plain = type(layer)(**{**layer.__dict__, "proj": None})
    return call.batch * int(plain.macs(call.y, call.x))


def _recurrent(each: int) -> Rule:
    """With this many operations for each unit at each step, without biases."""

    def count(call: Call) -> Deltas:
        layer = call.layer
        assert isinstance(layer, Recurrent)
        if layer.biases == 1:
            return {SUBCLASS: -call.macs}
        return {GATES: of_steps(each, call), PROJECTED: _without_projection(layer, call) - call.macs}

    return count


PEER.rule("rnn")(_recurrent(1))
PEER.rule("gru")(_recurrent(3 + 1 + 3))
PEER.rule("lstm")(_recurrent(4 + 3 + 1))
PEER.rule("rnncell")(of_cells(1))
PEER.rule("grucell")(of_cells(3 + 1 + 3))
PEER.rule("lstmcell")(of_cells(4 + 3 + 1))


@PEER.rule("attention")
def _attention(call: Call) -> Deltas:
    projections, scores = products(call)
    return {INSIDE: -projections, SCORES: -scores} if is_multihead(call) else {SCORES: -scores}


def _params(call: Call) -> Deltas:
    seen = call.held if call.layer.op in PEER.read else 0
    if isinstance(call.node.layer, Attention) and not is_multihead(call):
        seen = sum(size for name, size in call.weights.items() if "_proj." in name)
    if isinstance(call.layer, Recurrent) and call.layer.biases == 1:
        seen = 0
    if call.reused:
        seen, missing = 0, 0
    else:
        missing = seen - call.held
    return {NO_TABLE: missing, TIED: seen - missing - call.params}


PEER.params = _params
