"""What a layer says autograd keeps of it is what PyTorch's hooks see, byte for byte."""

from __future__ import annotations

import pytest
import torch

from archcalc.diagnostics import Source
from archcalc.layers.base import REGISTRY
from archcalc.layers.saved import NOTHING
from archcalc.memory.simulation import simulate
from archcalc.network.freezing import freeze
from archcalc.network.graph import walk
from archcalc.network.load import Graph, build_graph, load_graph
from tests.memory.hooks import kept
from tests.runs import run_of

# Input, and layers; every layer of the language stands in one of them.
CASES = """
[3,8,8] | conv 4 kernel=3, conv 4 kernel=3 padding=same groups=2
[4,8] | conv 4 kernel=3 dilation=2, relu, conv 6 kernel=1
[3,8,8] | conv 4 kernel=3 padding=1 padding_mode=circular, conv 4 kernel=3x4 padding=same_upper stride=2, conv 4 kernel=2 padding=same
[3,8,8] | conv 4 kernel=3 padding=1 padding_mode=reflect, conv 4 kernel=3 padding_mode=replicate, conv 4 kernel=4 padding=same padding_mode=reflect
[3,8] | conv 4 kernel=4 padding=same_upper padding_mode=replicate, conv 4 kernel=3 padding=same_upper, conv 4 kernel=4 padding=2 padding_mode=circular
[3,6,5,7] | conv 4 kernel=3 padding=1 padding_mode=replicate, conv 4 kernel=3 stride=2 padding=same_upper padding_mode=circular
[3,9,9] | conv 4 kernel=1, avgpool 3 padding=1 count_include_pad=false, avgpool 2 divisor_override=3, upsample 2 mode=bilinear align_corners=true
[3,9,9] | conv 4 kernel=1, upsample 1.7 mode=bicubic recompute_scale_factor=true, upsample 2 mode=nearest-exact
[3,8,8] | convtranspose 4 kernel=3, relu, convtranspose 2 kernel=2 stride=2
[6] | linear 5, relu, linear 3
[4,6] | linear 6, relu, relu6, sigmoid, tanh, silu, mish, hardswish, hardsigmoid
[4,6] | linear 6, leakyrelu, prelu, elu, gelu, softplus, softmax, logsoftmax
[3,8,8] | conv 4 kernel=1, batchnorm, relu, batchnorm affine=false
[6] | linear 4, batchnorm
[4,8,8] | conv 4 kernel=1, frozenbatchnorm, relu, transpose, transpose, frozenbatchnorm eps=0.1
[6] | linear 4, frozenbatchnorm
[4,9,8] | conv 4 kernel=1, unfold 2 stride=2, fold 8x8 kernel=2 stride=2, pad -1, pad before=-1x2 after=1x-1, slice step=2 axis=1
[4,6] | linear 6, topk 2 name=t, linear 3, embedding 6 dim=3 from=t.indices, topk 1 axis=0 largest=false
[4,6] | linear 6 name=x, constant 2x3 kind=arange name=k, gather index=k from=x, linear 4 from=x, gather index=k axis=-1
[4,6] | linear 6 name=x, parameter 4x6 name=p, {each: {a: x, b: p}, layers: [{mul: [a, b]}, linear 3]}, linear 2
[4,6] | linear 6 name=x, parameter 4x6 name=p, {each: {b: p, a: x}, layers: [{add: [a, b]}, relu, linear 3]}, linear 2
[4,6] | linear 5 name=x, relu, linear 6 transposed=true tie=x, linear 7 transposed=true bias=false, linear 3
[4,6] | linear 6 name=x, topk 3 axis=0 name=t, takealongdim index=t.indices axis=0 from=x, {mul: [prev, t]}, index 3, embedding 5 dim=4
[4,6] | linear 6 name=x, constant 4x1 kind=arange name=k, index 6 name=i, takealongdim index=i from=x, constant 1x3 kind=arange name=j, takealongdim index=j from=x, parameter 4x6 name=p, takealongdim index=i from=p
[4,6] | linear 6 name=x, topk 2 axis=0 name=t, gather index=t.indices from=x, parameter 4x3 name=p, gather index=t.indices from=p
[4,6] | linear 6, split sizes=2x-1 axis=1 name=p, linear 2 from=p.1
[4,8,8] | conv 4 kernel=1, groupnorm 2, instancenorm, instancenorm affine=true, groupnorm 4 affine=false
[4,6] | linear 6, layernorm, rmsnorm, layernorm affine=false, rmsnorm affine=false
[4,6] | lstm 8 proj=3, lstm 6 proj=2 layers=2 bidirectional=true dropout=0.3
[4,6] | lstm 8 proj=3 layers=2 name=a, lstm 8 proj=3 layers=2 state=a bias=false
[4,6] | rmsnorm axis=-1
[3,8,8] | conv 4 kernel=1, batchnorm track_running_stats=false, batchnorm bias=false, batchnorm track_running_stats=false affine=false
[4,8,8] | conv 4 kernel=1, groupnorm 2 bias=false, instancenorm affine=true bias=false, instancenorm track_running_stats=true
[4,8,8] | conv 4 kernel=1, instancenorm affine=true track_running_stats=true, layernorm axes=0x1x2, layernorm axes=1x2 bias=false
[3,6] | linear 5, layernorm axes=0x1 affine=false, softplus threshold=1, prelu init=0.5
[3,8,8] | conv 4 kernel=1, pad 1 value=2, adaptiveavgpool 1x-1, adaptivemaxpool -1x2
[5] | embedding 10 dim=4 padding_idx=0, linear 3
[4,8,8] | conv 4 kernel=1, localresponsenorm 3
[3,9,9] | conv 4 kernel=1 name=a, conv 4 kernel=3, crop 4x5 from=a, relu, instancenorm, crop 4x5
[4,8] | conv 4 kernel=1, localresponsenorm 2
[4,6] | linear 6, dropout 0.3, dropout 0, dropout 1, droppath 0.3, layerscale, scale 2
[3,9,9] | conv 4 kernel=1, maxpool 2, avgpool 2, upsample 2, adaptiveavgpool 3
[3,9] | conv 4 kernel=1, maxpool 2, avgpool 2, adaptivemaxpool 2
[3,8,8] | conv 4 kernel=1, pad 1, pad 1 mode=reflect, pad 1 mode=circular, pixelshuffle 2, adaptiveavgpool 1
[4,6] | linear 6, selu, celu, celu 0.5, hardtanh, hardtanh low=0 high=6, softsign, logsigmoid, exp
[4,8] | linear 8, glu, linear 8, glu axis=0
[4,6] | linear 6, neg, abs, square, exp, sqrt, rsqrt, log, sin, cos, reciprocal, pow 3, pow 0.5, offset 2
[4,6] | linear 6, floor, linear 6, sign, linear 6, flip 0x1, tile 2x1, cumsum, cumsum -1
[4,6] | linear 6 name=a, linear 6 name=b, {div: [a, b]}, {maximum: [prev, a]}, {minimum: [b, prev]}, {div: [input, prev]}, {div: [prev, input]}
[4,6] | linear 6 name=a, linear 1 name=b from=a, {div: [a, b]}, {maximum: [prev, b]}
[4,3,6] | linear 6, sum 0 keepdim=true, linear 6, sum, linear 6, max, linear 6
[4,3,6] | linear 6, min 0x2, linear 6
[4,3,6] | linear 6, var 1, linear 6, std -1 keepdim=true, linear 6, logsumexp 0, linear 6
[4,3,6] | linear 6, norm -1 keepdim=true p=3, linear 6, norm 0x1, linear 6
[4,6] | linear 6, normalize, linear 6, normalize axis=0 p=1
[4,6] | linear 6, argmax -1, embedding 6 dim=4, linear 6, argmin 0, embedding 4 dim=6, linear 3
[4,8,8] | conv 4 kernel=3, crop 4, conv 4 kernel=1, pad 1 axis=0x2, conv 4 kernel=1
[8,6,6] | conv 8 kernel=1, glu, pixelunshuffle 2, upsample size=5x7, upsample size=4 mode=bilinear
[3,8,4] | linear 4 name=m, parameter 3x2x8x8 name=b, attention 2 relbias=b from=m, attention 2 kv_heads=1 relbias=b
[3,8,4] | linear 4 name=m, constant 3x2x8x8 name=b, attention 2 relbias=b from=m, attention 2 kv_heads=1 relbias=b
[8,4] | linear 4 name=m, relposbias 2 kind=alibi name=b, attention 2 kv_heads=1 relbias=b from=m, linear 4, attention 2 relbias=b
[8,4] | linear 4 name=m, relposbias 2 kind=alibi name=b, attention 2 relbias=b causal=true from=m, attention 2 relbias=b dropout=0.1
[3,8,8] | conv 4 kernel=1, channelshuffle 2, adaptivemaxpool 3, pad 1 mode=replicate
[5] | embedding 10 dim=4, posembed, clstoken, rope, linear 4, posembed kind=sinusoidal
[4,6] | linear 6, flatten, reshape 4x6, transpose, linear 5, rearrange 'a b -> b a', rearrange 'a b -> (b a)'
[4,6] | linear 6, slice 1 end=3, roll 1, identity, expand 3x-1x-1, mean, select 0
[4,6] | linear 6 name=z, linear 6 name=q, sub: [q, z], detach, add: [z, prev], linear 4
[4,6] | linear 6 name=a, linear 6 name=b, {mul: [a, b]}, {add: [a, prev]}, {sub: [prev, b]}, {concat: [prev, a]}
[4,6] | linear 6 name=a, linear 1 name=b, linear 6 name=c from=a, {mul: [a, b, c]}
[4,6] | linear 6 name=a, linear 4 name=b, transpose name=c, linear 4 name=d, {matmul: [c, a]}
[6,6] | linear 6 name=a, linear 6 name=b, {einsum: {equation: 'ij,jk->ik', operands: [a, b]}}
[4,6] | linear 8 name=x, split 2 name=p, {mul: [p.0, p.1]}
[4,6] | constant 4x6 kind=arange name=k, linear 6 from=input, {mul: [prev, k]}, constant 3 kind=arange, embedding 3 dim=6
[4,6] | parameter 4x6 name=p, linear 6 from=input, {mul: [prev, p]}
[6,8] | linear 8 name=q, linear 8 name=k, linear 4 name=v, sdpa q=q k=k v=v causal=true
[2,6,8] | linear 8 name=q, linear 8 name=k, linear 8 name=v, sdpa q=q k=k v=v
[64,32] | linear 32, moe: {experts: 4, top_k: 2, layers: [linear 64, relu, linear 32]}
[64,32] | linear 32, {moe: {experts: 4, top_k: 2, layers: [linear 64 frozen=false, relu, linear 32 frozen=false]}, frozen: true}
[64,32] | linear 32 frozen=true, {moe: {experts: 4, top_k: 2, layers: [linear 64 frozen=false, relu, linear 32]}, frozen: true}
[7,5] | linear 5, gru 3 name=s bidirectional=true bias=false frozen=true, gru 3 bidirectional=true bias=false state=s frozen=true repeat=2
[64,32] | linear 32, {residual: [layernorm, linear 32], repeat: 5}
[7,6] | linear 8 name=x, linear 8 from=input, softplus name=d, linear 6 from=input name=b, linear 6 from=input name=c, selectivescan dt=d b=b c=c from=x, linear 3
[7,6] | linear 8 name=x, linear 4 from=input, softplus name=d, linear 16 from=input, split 2 name=p, selectivescan dt=d b=p.0 c=p.1 from=x heads=4 groups=2, linear 3
[7,6] | linear 8 name=x, linear 4 from=input, softplus name=d, linear 16 from=input, split 2 name=p, selectivescan dt=d b=p.0 c=p.1 from=x heads=4 groups=2 skip=false frozen=true, linear 3
[1,6] | linear 6 name=b, linear 4, selectivescan dt=prev b=input c=b, softplus name=d, selectivescan dt=d b=b c=input frozen=true
[3,9,8] | conv 4 kernel=1, maxpool 2 indices=true name=p, conv 4 kernel=1, relu, maxunpool 2 indices=p.indices, conv 2 kernel=1
[3,9] | conv 4 kernel=1, maxpool 3 stride=2 padding=1 indices=true name=p, relu, maxunpool 3 stride=2 padding=1 indices=p.indices
[2,5,4,6] | conv 4 kernel=1, maxpool 2 indices=true name=p, maxpool 1 indices=true name=q, maxunpool 2 indices=p.indices, conv 2 kernel=1
[3,8,8] | conv 4 kernel=1 name=x, conv 2 kernel=3, rearrange 'c h w -> h w c' name=g, gridsample grid=g from=x, conv 3 kernel=1 name=y, gridsample grid=g from=y mode=nearest
[4,9,8] | conv 4 kernel=1 name=x, constant 1x1x3x3 kind=binomial name=f, conv 4 kernel=3 groups=4 weight=f bias=false from=x, conv 2 kernel=1
[4,9,8] | conv 4 kernel=1 name=x, constant 1x1x3x3 kind=binomial name=f, conv 4 kernel=3 stride=2 padding=1 padding_mode=reflect groups=4 weight=f bias=false from=x, convtranspose 4 kernel=3 groups=4 weight=f bias=false
[4,9,8] | conv 4 kernel=1 name=x, parameter 6x2x3x3 name=p, square name=w, conv 6 kernel=3 padding=same_upper stride=2 groups=2 weight=w bias=false from=x, conv 2 kernel=1
[4,9,8] | conv 4 kernel=1 name=x, conv 8 kernel=9x8, reshape 2x4x1x1 name=w, conv 2 kernel=1 weight=w bias=false from=x, convtranspose 8 kernel=2 name=y, reshape 2x4x10x9 name=v, conv 4 kernel=5 from=y, conv 2 kernel=10x9 weight=v padding=2x3 bias=false
[4,9] | conv 4 kernel=1 name=x, conv 12 kernel=9, reshape 1x4x3 name=w, conv 5 kernel=3 weight=w bias=false from=x padding=1 padding_mode=reflect, flatten, linear 2
[6] | linear 24, reshape 2x3x2x2 name=w, parameter 3x4x5 name=p, conv 2 kernel=2 weight=w bias=false, conv 2 kernel=1, linear 12 from=input, reshape 3x1x2x2 name=v, convtranspose 3 kernel=2 groups=3 weight=v bias=false from=p, conv 2 kernel=1
[4,9,8] | conv 4 kernel=3 reparam=weightnorm, conv 6 kernel=3 groups=2 reparam=weightnorm reparam_axis=3 padding=1, convtranspose 4 kernel=2 reparam=weightnorm
[4,9,8] | conv 4 kernel=3 reparam=standardized padding=1 padding_mode=reflect, conv 6 kernel=3 reparam=standardized groups=2, flatten, linear 5 reparam=standardized, linear 5 reparam=weightnorm
[4,9,8] | conv 4 kernel=3 reparam=spectralnorm, conv 6 kernel=3 groups=2 reparam=spectralnorm, convtranspose 4 kernel=2 groups=2 reparam=spectralnorm, flatten, linear 5 reparam=spectralnorm bias=false
[7,6] | linear 12 bias=qv, linear 6 bias=k reparam=weightnorm reparam_axis=1, linear 3
[4,9,8] | conv 4 kernel=1 name=x, conv 36 kernel=3 name=o, conv 18 kernel=3 from=x name=m, deformconv 6 kernel=3 offset=o mask=m from=x groups=2, conv 2 kernel=1
[4,9,8] | conv 4 kernel=1 name=x, conv 18 kernel=3 stride=2 name=o, deformconv 3 kernel=3 stride=2 offset=o from=x bias=false, deformconv 5 kernel=3 stride=2 offset=o from=input
[7,5] | linear 5, rnn 3 layers=2 bidirectional=true
[7,5] | linear 5, gru 3 layers=2 dropout=0.5
[7,5] | linear 5, lstm 3, linear 2
[7,5] | linear 5, lstm 3 bias=one, linear 4, lstm 70 layers=2 bias=one bidirectional=true, lstm 5 proj=2 bias=one name=s, linear 2
[7,5] | linear 5, gru 3 bias=one layers=2, rnn 4 bias=one bidirectional=true, linear 2
[7,5] | linear 5, lstm 70 layers=2 bias=false
[7,5] | linear 5, lstm 3 layers=2 bidirectional=true dropout=0.2
[6] | linear 5 name=x, linear 4 name=h, rnncell 4 state=h from=x nonlinearity=relu bias=false, linear 3
[6] | linear 5 name=x, linear 4 name=h, grucell 4 state=h from=x, linear 3
[6] | linear 5 name=x, linear 4 name=h, linear 4 name=c, lstmcell 4 h=h c=c from=x name=r, {mul: [prev, r.c]}
[6] | linear 4 name=h, linear 4 name=c, lstmcell 4 h=h c=c name=r, linear 3 from=r.c
[4,6] | linear 5, {scan: prev, state: {h: [3], c: [3]}, next: {h: r, c: r.c}, layers: [lstmcell 3 h=h c=c name=r], name: l}, linear 2 from=l.c
[4,8] | {scan: prev, layers: [{mul: [prev, s], name: m}, {repeat: 2, layers: [{mul: [prev, t], name: u}, linear 8 name=v], name: g, state: {t: prev}, next: {t: v}}, linear 8 name=w], state: {s: [8]}, next: {s: w}}
[4,8] | {scan: prev, layers: [{mul: [prev, s], name: m}, {repeat: 2, layers: [tanh]}, linear 8 name=w, {repeat: 2, layers: [sin from=s, square]}], state: {s: [8], z: [8]}, next: {z: s, s: w}}
[8,4] | linear 4, attention 2, attention 2 causal=true, attention 2 window=2 bias=false
[8,4] | linear 4, attention 2 dropout=0.1 causal=true, attention 1
[8,4] | linear 4, attention 2 head_dim=4 rope=100 rope_dim=2, rope 100 dim=2, linear 3
[8,4] | linear 4, attention 2 kv_heads=1 rope=100, attention 2 qknorm=true softcap=5 dropout=0.1 causal=true
[8,8] | linear 8, attention 4 kv_heads=2 qknorm=width, attention 2 qknorm=unscaled, attention 4 rope=9 qknorm=width
[8,8] | linear 8, attention 4 kv_heads=2 sinks=true, attention 2 sinks=true softcap=3 causal=true dropout=0.1 qknorm=width
[8,8] | linear 8 name=m, relposbias 2 name=b, attention 2 sinks=true relbias=b from=m window=3, attention 2 sinks=true kv=m dropout=0.2
[8,8] | linear 8, attention 2 kv_heads=1 causal=true, attention 2 rope=100 causal=true window=3
[8,8] | linear 8, attention 2 kv_heads=1 window=3, attention 2 kv_heads=1 dropout=0.1 causal=true window=2
[8,8] | linear 8 name=m, relposbias 2 name=b, attention 2 kv_heads=1 relbias=b from=m causal=true window=4, attention 2 kv=prev
[8,8] | linear 8 name=m, relposbias 2 name=b, attention 2 relbias=b from=m causal=true window=4
[6,8] | linear 8 frozen=true name=m, relposbias 2 name=b, attention 2 relbias=b from=m frozen=true, linear 8
[6,8] | linear 8 name=m, linear 8 frozen=true from=input name=n, attention 2 softcap=3 v=m from=n frozen=true, attention 2 kv=n dropout=0.1 frozen=true, attention 2 kv_heads=1 k=n qknorm=true sinks=true frozen=true
[4,6] | linear 6 name=x, identity name=y, dropout 0 name=z, flatten start=1 name=w, attention 2 k=x v=y from=z, attention 2 v=w from=z, attention 2 kv=x from=w
[3,6,8] | linear 8, rearrange 'a b c -> b a c', attention 1 k=prev v=prev out=8, attention 2 k=prev v=prev
[3,8,8] | linear 8 name=m, linear 8, attention 2 kv=prev, attention 2 kv=m, attention 2 kv_heads=1 kv=m rope=10
[8,4] | linear 4 name=m, linear 6 name=n, attention 2 kv=m from=input, attention 2 kv=n
[8,4] | linear 4 name=m, relposbias 2 name=b, attention 2 relbias=b from=m causal=true, attention 2 kv=m relbias=b dropout=0.1
[7,8] | linear 8 name=x, constant 7 value=1 name=m, constant 7x7 value=1 name=p, constant 4x1x7 value=1 name=h, relposbias 4 name=b from=x, attention 4 mask=m from=x, attention 4 kv_heads=2 mask=p, attention 4 mask=h causal=true, attention 4 scale=2 mask=h
[3,7,8] | linear 8 name=x, constant 7 value=1 name=m, constant 7x7 value=1 name=p, constant 4x1x7 value=1 name=h, relposbias 4 name=b from=x, attention 4 mask=p relbias=b from=x, attention 4 kv_heads=2 mask=h relbias=b window=3
[7,8] | linear 8 name=x, constant 7 value=1 name=m, constant 7x7 value=1 name=p, constant 4x1x7 value=1 name=h, relposbias 4 name=b from=x, rearrange 'n (h d) -> h n d' h=4 from=x name=q, linear 4 from=x, rearrange 'n (h d) -> h n d' h=2 name=k, sdpa q=q k=k v=k kv_heads=2 window=3 name=a, sdpa q=a k=q v=q mask=h causal=true scale=2
[7,8] | linear 8 name=x, constant 7 value=1 name=m, constant 7x7 value=1 name=p, constant 4x1x7 value=1 name=h, relposbias 4 name=b from=x, rearrange 'n (h d) -> h n d' h=4 from=x name=q, linear 4 from=x, rearrange 'n (h d) -> h n d' h=2 name=k, sdpa q=q k=k v=k kv_heads=2 sinks=true relbias=b name=a, sdpa q=a k=q v=q softcap=5 mask=p, linear 3
[7,8] | linear 8 name=x, constant 7 value=1 name=m, constant 7x7 value=1 name=p, constant 4x1x7 value=1 name=h, relposbias 4 name=b from=x, rearrange 'n (h d) -> h n d' h=4 from=x name=q, linear 4 from=x, rearrange 'n (h d) -> h n d' h=2 name=k, sdpa q=q k=k v=k kv_heads=2 dropout=0.1 mask=m name=a, sdpa q=a k=q v=q relbias=b mask=p, linear 3
[3,8,4] | linear 4, attention 2 causal=true
[3,8,4] | linear 4, attention 2 kv_heads=1 causal=true rope=100
[3,8,4] | linear 4 name=m, relposbias 2 kind=window window=2x4 name=b, attention 2 relbias=b from=m
"""
PARAMETERS = [tuple(part.strip() for part in line.split("|")) for line in CASES.strip().splitlines()]


def graph_of(given: str, layers: str, batch: int) -> Graph:
    return build_graph(Source("t.yaml", f"{{model: m, input: {given}, layers: [{layers}]}}"), batch=batch)


def difference(graph: Graph) -> int:
    theirs = sum(size for size, what in kept(graph, grad=False).storages.values() if "input" not in what)
    ours = simulate(graph, run_of("train", threads=torch.get_num_threads()))
    return sum(ours.layers.values()) - theirs


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("given", "layers"), PARAMETERS)
def test_equals_what_the_hooks_see(given: str, layers: str, batch: int) -> None:
    if batch == 1 and given == "[6]" and "batchnorm" in layers:
        pytest.skip("PyTorch trains no batchnorm on one value")
    assert difference(graph_of(given, layers, batch)) == 0


@pytest.mark.parametrize(("given", "layers"), PARAMETERS)
def test_equals_what_the_hooks_see_where_only_the_first_layer_is_trained(given: str, layers: str) -> None:
    graph = graph_of(given, layers, 3)
    learning = [node for node in graph.nodes if any(inner.params for inner, _, _ in walk([node]))]
    freeze(graph, [node.id for node in learning[1:]])
    assert difference(graph) == 0


def test_every_layer_is_compared() -> None:
    ops: set[str] = set()
    for given, layers in PARAMETERS:
        pending = list(graph_of(given, layers, 1).nodes)
        while pending:
            node = pending.pop()
            ops.add(node.op)
            pending += node.children
    assert set(REGISTRY) - ops == {op for op, layer in REGISTRY.items() if layer.declared}


@pytest.mark.parametrize(
    "spec", ["resnet18", "mobilenetv2", "transformer", "seq2seq-attention", "densenet121", "vit@ti16"]
)
def test_whole_networks(spec: str) -> None:
    name, _, variant = spec.partition("@")
    graph = load_graph(f"specs/{name}.yaml" + (f"@{variant}" if variant else ""), batch=2)
    assert difference(graph) == 0


def test_the_comparison_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY["gelu"], "saved", lambda self, how, y, *inputs: NOTHING)
    assert difference(graph_of("[4, 6]", "linear 6, gelu", 2)) < 0
