"""Small networks that have each layer type at least once, in the forms that tools tell apart."""

from __future__ import annotations

from archcalc.diagnostics import Source
from archcalc.network.load import Graph, build_graph

_SEQUENCE, _IMAGE, _LINE, _VOLUME, _VECTOR, _TOKENS = "[5, 8]", "[4, 8, 8]", "[4, 9]", "[4, 3, 4, 5]", "[6]", "[5]"

CASES: dict[str, tuple[str, ...]] = {
    _VECTOR: (
        "linear 5", "linear 5 bias=false", "batchnorm", "layernorm", "softmax", "prelu 6", "layerscale",
        "residual: [relu]", "mul: [[relu], [tanh]]", "add: [[linear 4], [linear 4]]", "sub: [[relu], [sigmoid]]",
        "concat: [[relu], [linear 3]]", "moe: {experts: 3, top_k: 2, layers: [linear 4]}", "reshape 2x3",
        "rnncell 6 state=input", "rnncell 6 state=input nonlinearity=relu bias=false", "grucell 6 state=input",
        "grucell 6 state=input bias=false", "lstmcell 6 h=input c=input", "lstmcell 6 h=input c=input bias=false",
    ),
    _SEQUENCE: (
        "linear 5", "layernorm", "layernorm bias=false", "layernorm affine=false", "rmsnorm axis=-1", "rmsnorm axis=0", "rmsnorm axis=1 affine=false",
        "posembed", "posembed kind=sinusoidal", "clstoken", "rope", "layerscale axis=1", "dropout 0.1", "droppath 0.1",
        "mean 0", "roll 1", "scale 0.5", "select 0", "slice 1", "transpose", "softmax axis=0", "logsoftmax axis=1", "expand 3x-1x-1",
        "rnn 4", "rnn 4 nonlinearity=relu layers=2 bidirectional=true", "lstm 4", "lstm 4 layers=2 bidirectional=true",
        "lstm 4 bias=false", "lstm 6 proj=3 layers=2", "gru 4 layers=3", "gru 4 bias=false", "gru 4 bias=one layers=2", "lstm 4 bias=one",
        "rnn 4 bias=one", "lstm 6 proj=3 bias=one", "attention 2", "attention 2 causal=true window=2",
        "attention 2 bias=false", "attention 4 kv_heads=2 head_dim=2", "attention 4 kv_heads=2 rope=1e4 qknorm=true bias=q",
        "attention 2 softcap=3", "attention 2 sinks=true", "attention 2 qknorm=width", "attention 2 qknorm=unscaled", "attention 1 head_dim=2 rope=9", "attention 2 head_dim=2 rope=9 rope_dim=2", "moe: {experts: 3, top_k: 2, bias: true, layers: [linear 6, relu, linear 8]}",
        "matmul: [[relu], [transpose]]", "einsum: {equation: 'qd,kd->qk', operands: [[relu], [relu]]}",
        "einsum: {equation: 'kd,qd->qk', operands: [[relu], [relu]]}",
        "einsum: {equation: 'kd,ke->ed', operands: [[linear 30], [linear 7]]}",
        "einsum: {equation: 'kd->d', operands: [[relu]]}", "einsum: {equation: 'kd,kd->kd', operands: [[relu], [relu]]}",
        "rearrange 'a (b c) -> b a c' b=2", "neg", "abs", "square", "sin", "cos", "floor", "sign", "pow 3", "offset 2",
        "[exp, sqrt]", "[exp, rsqrt]", "[exp, log]", "[exp, reciprocal]", "sum 0", "max 0", "min 1", "var 0", "std -1",
        "logsumexp 0", "norm -1", "argmax -1", "argmin 0", "cumsum", "normalize axis=1", "flip 0x1", "tile 2x1", "topk 3", "index 4",
        "selectivescan dt=input b=input c=input", "selectivescan dt=input b=input c=input heads=8 groups=2 skip=false",
        "div: [[relu], [exp]]", "maximum: [[relu], [tanh]]", "minimum: [[relu], [tanh]]",
    ),
    _IMAGE: (
        "conv 6 kernel=3", "conv 6 kernel=3 stride=2 padding=1 bias=false", "conv 8 kernel=3 groups=4",
        "conv 6 kernel=3 padding=same", "conv 6 kernel=2 padding=same", "convtranspose 6 kernel=3 stride=2 groups=2",
        "convtranspose 6 kernel=2 stride=2 bias=false", "relu", "relu6", "sigmoid", "tanh", "silu", "mish", "hardswish",
        "hardsigmoid", "leakyrelu", "prelu", "elu", "celu", "selu", "glu axis=0", "hardtanh",
        "softsign", "logsigmoid", "exp", "gelu", "softplus", "softmax axis=0", "logsoftmax axis=0", "batchnorm",
        "batchnorm affine=false", "groupnorm 2", "groupnorm 2 affine=false", "instancenorm", "instancenorm affine=true",
        "localresponsenorm 4", "identity", "detach", "maxpool 2", "avgpool 2", "adaptiveavgpool 3", "adaptivemaxpool 3",
        "upsample 2", "upsample 2 mode=bilinear", "upsample 2 mode=bicubic", "upsample 2x3", "upsample 1.5",
        "upsample 1.5x2.5", "upsample size=5x7", "upsample size=9 mode=bilinear", "pad 1", "pad 1 axis=0x2", "crop 4", "pixelshuffle 2",
        "pixelunshuffle 2", "channelshuffle 2", "flatten", "split 2 axis=0", "layerscale axis=0",
        "maxpool 2 indices=true", "[maxpool 2 indices=true name=p, maxunpool 2 indices=p.indices]",
        "[constant 1x1x3x3 kind=binomial name=f, conv 4 kernel=3 stride=2 padding=same_upper groups=4 weight=f bias=false from=input]",
        "[parameter 4x6x3x3 name=f, convtranspose 6 kernel=3 weight=f bias=false from=input]",
        "[conv 6 kernel=5 stride=3, reshape 6x4x1x1 name=f, conv 6 kernel=1 padding=same weight=f bias=false from=input]",
        "[conv 6 kernel=5 stride=3, reshape 4x6x1x1 name=f, convtranspose 6 kernel=1 weight=f bias=false from=input]",
        "unfold 3", "[unfold 2 stride=2, fold 8 kernel=2 stride=2]", "frozenbatchnorm",
        "[conv 2 kernel=1, rearrange 'c h w -> h w c' name=g, gridsample grid=g from=input]",
        "[conv 18 kernel=3 name=o, deformconv 6 kernel=3 offset=o from=input]",
        "[conv 9 kernel=3 name=m, conv 18 kernel=3 from=input name=o, deformconv 6 kernel=3 offset=o mask=m bias=false groups=2 from=input]",
    ),
    _LINE: (
        "conv 6 kernel=3", "convtranspose 6 kernel=3", "maxpool 3", "avgpool 3", "adaptiveavgpool 4", "adaptivemaxpool 2",
        "upsample 2", "upsample 2 mode=linear", "localresponsenorm 3", "batchnorm", "instancenorm",
    ),
    _VOLUME: (
        "conv 6 kernel=2", "convtranspose 6 kernel=2", "maxpool 2", "avgpool 2", "adaptiveavgpool 2", "adaptivemaxpool 2",
        "upsample 2", "upsample 2 mode=trilinear", "localresponsenorm 3", "batchnorm", "groupnorm 2", "layernorm",
    ),
    _TOKENS: ("embedding 10 dim=4",),
}  # fmt: skip

WHOLE = (
    # weights tied: a layer called again, one with a bias of its own, a block
    "{model: m, input: [5], layers: [embedding 10 dim=4 name=e, linear 10 bias=false tie=e]}",
    "{model: m, input: [5], layers: [embedding 10 dim=4 name=e, linear 10 tie=e]}",
    "{model: m, input: [5, 8], layers: [linear 8 name=a, relu, linear 8 tie=a]}",
    "{model: m, input: [5, 8], layers: [lstm 8 name=a, lstm 8 tie=a, attention 2 name=b, attention 2 tie=b]}",
    "{model: m, input: [5, 8], blocks: {two: [linear 8, layernorm]}, layers: [two name=a, two tie=a]}",
    # copies, experts in copies, layers of several inputs
    "{model: m, input: [5, 8], layers: [{repeat: 3, layers: [attention 2, {residual: [layernorm, linear 8]}]}]}",
    "{model: m, input: [5, 8], layers: [{moe: {experts: 2, top_k: 1, layers: [linear 8, prelu]}, repeat: 2}]}",
    "{model: m, input: [2, 4, 6, 4], layers: [attention 1 qknorm=true]}",
    "{model: m, input: {x: [5, 8], y: [3, 6]}, layers: [attention 2 from=x kv=y, attention 2 kv=y kv_heads=1]}",
    "{model: m, input: {x: [2, 5, 8], y: [2, 5, 8]}, layers: [sdpa q=x k=y v=y causal=true]}",
    "{model: m, input: {x: [2, 5, 8], y: [2, 5, 6]}, layers: [sdpa q=x k=x v=y]}",
    "{model: m, input: {x: [5, 8], y: [5, 8]}, layers: [sdpa q=x k=y v=y]}",
    "{model: m, input: {x: [2, 5, 8], y: [2, 5, 8]}, layers: [sdpa q=x k=y v=y softcap=5 scale=0.5]}",
    "{model: m, input: {x: [2, 5, 8], y: [2, 5, 8]}, layers: [sdpa q=x k=y v=y sinks=true window=3]}",
    "{model: m, input: {x: [2, 5, 8], y: [2, 5, 8]}, layers: [parameter 2x5x5 name=b, sdpa q=x k=y v=y relbias=b]}",
    "{model: m, input: {x: [4, 5, 8], y: [2, 5, 8]}, layers: [constant 1x5 value=1 name=b, sdpa q=x k=y v=y mask=b kv_heads=2]}",
    # attention of queries that lie together in memory, and of others
    "{model: m, input: [6, 6, 6], layers: [transpose, relu, {sdpa: {q: prev, k: prev, v: prev}}]}",
    "{model: m, input: [6, 6, 6], layers: [transpose, roll 1, {sdpa: {q: prev, k: prev, v: prev}}]}",
    "{model: m, input: [6, 6, 6], layers: [conv 6 kernel=1, transpose, {sdpa: {q: prev, k: prev, v: prev}}]}",
    "{model: m, input: [6, 6, 6], layers: [conv 6 kernel=1, transpose, softmax axis=-1, {sdpa: {q: prev, k: prev, v: prev}}]}",
    "{model: m, input: [6, 6, 6], layers: [transpose, linear 6 name=q, identity name=k, sdpa q=q k=k v=q]}",
    "{model: m, input: {x: [1, 5, 8], y: [3, 8, 4]}, layers: [{matmul: [x, y]}, {matmul: {operands: [x, y], nonzero: 7}}]}",
    "{model: m, input: [5, 8], layers: [relposbias 2 name=b, attention 2 relbias=b from=input]}",
    "{model: m, input: [5, 8], layers: [parameter 8 name=p, {add: [input, p]}, lstm 4 name=s, lstm 4 state=s]}",
    "{model: m, input: [5, 8], layers: [linear 8, rearrange 'n (h d) -> h n d' h=2 name=q, sdpa q=q k=q v=q]}",
    "{model: m, input: [5, 8], layers: [{constant: {values: [0, 3, 4]}, name: c}, gather index=c from=input]}",
    "{model: m, input: [5, 8], layers: [topk 2 name=t, takealongdim index=t.indices from=input]}",
    "{model: m, input: [5, 8], layers: [constant 5x8 kind=eye name=c, {add: [input, c]}, linear 3]}",
    # what leads nowhere, alone and in copies
    "{model: m, input: [8], layers: [{repeat: 3, layers: [linear 8 name=a, linear 3 from=prev, relu from=a]}]}",
    "{model: m, input: [8], layers: [linear 8 name=a, linear 3 name=b, linear 5 from=a], output: b}",
)


def single(sizes: str, layer: str, batch: int = 1) -> Graph:
    """A network of one layer."""
    line = f"{{{layer}}}" if ": " in layer else layer
    return whole(f"{{model: m, input: {sizes}, layers: [{line}]}}", batch)


def whole(text: str, batch: int = 1) -> Graph:
    return build_graph(Source("t.yaml", text), batch=batch)
