"""fvcore: what FlopCountAnalysis gives as `total()`, and parameter_count.

It traces the module and counts the operations that it has a formula for; all others count 0, with a
warning in the log. Source: fvcore 0.1.5.post20221221, nn/flop_count.py and nn/jit_handles.py.
"""

from __future__ import annotations

from archcalc.layers.einsum import Einsum
from archcalc.peers.attention import is_step_by_step, products
from archcalc.peers.base import SCORES, Deltas, Peer
from archcalc.peers.call import Call
from archcalc.quantity import product

PEER = Peer(
    "fvcore", "0.1.5.post20221221", "FlopCountAnalysis(model.eval(), x).total()", "flops",
    remark="one for each multiply-accumulate", traces=True,
)  # fmt: skip

SAME = "it does not know the operation of padding=same, _convolution_mode"
RECURRENT = "it does not count recurrent layers"
FOLDED = "it counts 2 for each element of a batch norm, 1 without scale and shift"
NORMS = "it counts 5 for each element of a norm, 4 without a scale"
RESIZED = "it counts resizing in two dimensions: 1 for each element of the output, 4 if bilinear"
SAMPLED = "it counts 4 for each element that is read at a place of a grid"
POOLED = "it counts adaptive average pooling in two dimensions: 1 for each element of the input"
ZEROS = "it counts products with zeros"
STRETCHED = "it counts a matrix product once where its first factor is broadcast"
PRINTED = "it takes NumPy's estimate for an einsum, to four digits"

PEER.same("adaptivemaxpool", "avgpool", "clstoken", "convtranspose", "elu", "embedding", "gelu", "layerscale")
PEER.same("leakyrelu", "linear", "localresponsenorm", "maxpool", "moe", "parameter", "posembed", "prelu")
PEER.same(
    "relposbias", "relu", "relu6", "rmsnorm", "selectivescan", "silu", "softmax", "rnncell", "lstmcell", "grucell"
)
PEER.without(RECURRENT, "rnn", "lstm", "gru")
PEER.beyond(FOLDED, lambda call: call.read * (2 if call.is_affine else 1), "batchnorm")
PEER.beyond(POOLED, lambda call: call.read if call.axes == 2 else 0, "adaptiveavgpool")


@PEER.rule("conv")
def _convolution(call: Call) -> Deltas:
    return {SAME: -call.macs if getattr(call.layer, "padding", None) == "same" and not call.is_function else 0}


@PEER.rule("groupnorm", "instancenorm", "layernorm")
def _norm(call: Call) -> Deltas | None:
    """It fails with an AssertionError for more than five axes."""
    if call.x.rank > 4:
        return None
    return {NORMS: call.read * (5 if call.is_affine else 4)}


@PEER.rule("upsample")
def _upsample(call: Call) -> Deltas:
    each = {"nearest": 1, "bilinear": 4}.get(getattr(call.layer, "mode", ""), 0) if call.axes == 2 else 0
    return {RESIZED: each * call.written}


@PEER.rule("gridsample")
def _sampled(call: Call) -> Deltas:
    return {SAMPLED: 4 * call.written}


@PEER.rule("deformconv")
def _deformable(call: Call) -> Deltas:
    """Its windows are read at the places of a grid."""
    taps = product(call.layer.per_axis("kernel", call.axes, call.x))
    return {SAMPLED: 4 * call.written // int(call.y.shape[0]) * int(call.x.shape[0] * taps)}


@PEER.rule("attention")
def _attention(call: Call) -> Deltas:
    return {SCORES: 0 if is_step_by_step(call) else -products(call)[1]}


@PEER.rule("sdpa")
def _sdpa(call: Call) -> Deltas:
    return {SCORES: 0 if is_step_by_step(call) else -call.macs}


@PEER.rule("matmul")
def _matmul(call: Call) -> Deltas:
    return {ZEROS: call.zeros, STRETCHED: call.read * int(call.inputs[1].shape[-1]) - call.macs - call.zeros}


@PEER.rule("einsum")
def _einsum(call: Call) -> Deltas:
    return {PRINTED: _printed(call) - call.macs}


def _printed(call: Call) -> int:
    """All letters multiplied, twice where some are summed over, as NumPy's einsum_path prints it, halved.

    Two equations are taken out before that; they have three axes in each operand, the batch included.
    """
    assert isinstance(call.layer, Einsum)
    left, _, right = call.layer.equation.replace(" ", "").partition("->")
    terms = left.split(",")
    sizes = {letter: int(size) for term, x in zip(terms, call.inputs) for letter, size in zip(term, x.shape)}
    every = call.batch * product(sizes.values())
    if len(terms) == 2 and all(len(term) == 2 for term in (*terms, right)):
        (a, b), (c, d) = (tuple(term) for term in terms)
        if (a == c and right == b + d) or (b == d and right == c + a):
            return every
    summed = any(letter not in right for letter in sizes)
    operations = every * (max(1, len(terms) - 1) + summed) + 1
    return int(float(f"{operations:.3e}") // 2)
