"""Architectures as text that are right as they are: what the rules say about them must be true."""

from __future__ import annotations

ARCHITECTURES: dict[str, str] = {
    # 1. the shortcut reads a quarter of the pixels, the 3x3 convolution beside it all of them
    "resnet-v1.5-stage": """
input: [64, 56, 56]
layers:
  - residual:
      layers:
        - [conv 64 kernel=1 bias=false, batchnorm, relu]
        - [conv 64 kernel=3 stride=2 padding=1 bias=false, batchnorm, relu, conv 256 kernel=1 bias=false, batchnorm]
      shortcut: [conv 256 kernel=1 stride=2 bias=false, batchnorm]
  - relu
""",
    # 2. both ways read a quarter
    "resnet-v1-stage": """
input: [64, 56, 56]
layers:
  - residual:
      layers:
        - [conv 64 kernel=1 stride=2 bias=false, batchnorm, relu]
        - [conv 64 kernel=3 padding=1 bias=false, batchnorm, relu, conv 256 kernel=1 bias=false, batchnorm]
      shortcut: [conv 256 kernel=1 stride=2 bias=false, batchnorm]
  - relu
""",
    "resnet-d-stage": """
input: [64, 56, 56]
layers:
  - residual:
      layers: [conv 64 kernel=3 stride=2 padding=1 bias=false, batchnorm, relu, conv 256 kernel=1 bias=false, batchnorm]
      shortcut: [avgpool kernel=2, conv 256 kernel=1 bias=false, batchnorm]
  - relu
""",
    "preactivation-resnet": """
input: [3, 32, 32]
layers:
  - conv 16 kernel=3 padding=1 bias=false
  - repeat: 3
    layers:
      - residual:
        - [batchnorm, relu, conv 16 kernel=3 padding=1 bias=false]
        - [batchnorm, relu, conv 16 kernel=3 padding=1 bias=false]
  - [batchnorm, relu, adaptiveavgpool 1, flatten, linear 10]
loss: crossentropy
""",
    "mobilenetv3-squeeze-excite": """
input: [16, 56, 56]
blocks:
  se:
    - mul:
      - prev
      - [adaptiveavgpool 1, conv cin//4 kernel=1, relu, conv 4*cin kernel=1, hardsigmoid]
layers:
  - residual:
    - [conv 64 kernel=1 bias=false, batchnorm, hardswish]
    - [conv cin kernel=5 padding=2 groups=cin bias=false, batchnorm, hardswish, se]
    - [conv 16 kernel=1 bias=false, batchnorm]
  - [conv 96 kernel=1 bias=false, batchnorm, hardswish, adaptiveavgpool 1]
  - [conv 128 kernel=1, hardswish, flatten, dropout 0.2, linear 1000]
loss: crossentropy
""",
    "dcgan-generator": """
input: [100]
layers:
  - reshape 100x1x1
  - [convtranspose 512 kernel=4 bias=false, batchnorm, relu]
  - [convtranspose 256 kernel=4 stride=2 padding=1 bias=false, batchnorm, relu]
  - [convtranspose 128 kernel=4 stride=2 padding=1 bias=false, batchnorm, relu]
  - [convtranspose 3 kernel=4 stride=2 padding=1, tanh]
""",
    "dcgan-discriminator": """
input: [3, 64, 64]
layers:
  - [conv 64 kernel=4 stride=2 padding=1, leakyrelu 0.2]
  - [conv 128 kernel=4 stride=2 padding=1 bias=false, batchnorm, leakyrelu 0.2]
  - [conv 256 kernel=4 stride=2 padding=1 bias=false, batchnorm, leakyrelu 0.2]
  - [conv 1 kernel=8, flatten, sigmoid]
loss: bce
""",
    "lstm-tagger": """
dims: {words: 40}
input: [words]
layers:
  - embedding vocab=10000 dim=100
  - [dropout 0.3, lstm 128 layers=2 bidirectional=true dropout=0.3, dropout 0.3]
  - [linear 17, logsoftmax]
loss: nll
""",
    "causal-decoder": """
dims: {seq: 128}
input: [seq]
layers:
  - embedding vocab=5000 dim=128 name=tokens
  - repeat: 4
    layers:
      - residual: [rmsnorm, attention 4 causal=true rope=10000 bias=false]
      - residual: [rmsnorm, linear 512, silu, linear 128]
  - rmsnorm
  - linear 5000 tie=tokens bias=false
loss: crossentropy
""",
    # 10. a small set of learned vectors attends to a long input
    "perceiver": """
dims: {seq: 2048}
input: [seq, 32]
layers:
  - [linear 64, posembed kind=sinusoidal, layernorm, identity name=memory]
  - parameter 16x128 name=latents
  - residual: [layernorm, attention 4 kv=memory bias=qvo]
  - residual: [layernorm, linear 256, gelu, linear 128]
  - repeat: 3
    layers:
      - residual: [layernorm, attention 4 bias=qvo]
      - residual: [layernorm, linear 256, gelu, linear 128]
  - [mean, linear 10]
loss: crossentropy
""",
    "siamese-with-ties": """
input: {left: [1, 28, 28], right: [1, 28, 28]}
blocks:
  tower: [conv 16 kernel=3 bias=false, batchnorm, relu, adaptiveavgpool 1, flatten, linear 32]
layers:
  - tower from=left name=a
  - tower from=right tie=a name=b
  - sub: [a, b]
  - linear 1
loss: bcewithlogits
""",
    # the bias is cancelled in one tower and not in the other, and both have the same
    "tie-with-and-without-a-norm": """
input: {a: [8, 16, 16], b: [8, 16, 16]}
layers:
  - [conv 8 kernel=3 from=a name=first, batchnorm name=normed]
  - [conv 8 kernel=3 from=b tie=first, relu name=plain]
  - add: [normed, plain]
""",
    "unet-with-upsampling": """
input: [1, 64, 64]
blocks:
  double(channels): [conv channels kernel=3 padding=1 bias=false, batchnorm, relu]
  up(channels, skip):
    - [upsample 2 mode=bilinear, conv channels kernel=1]
    - concat: [skip, prev]
    - double channels
layers:
  - double 16 name=d1
  - [maxpool kernel=2, double 32 name=d2]
  - [maxpool kernel=2, double 64]
  - [up 32 skip=d2, up 16 skip=d1, conv 3 kernel=1]
loss: crossentropy
""",
    "autoencoder": """
input: [784]
layers:
  - [linear 128, relu, linear 16, linear 128, relu, linear 784, sigmoid]
loss: mse
""",
    "vae": """
input: {x: [784], noise: [16]}
layers:
  - [linear 128 from=x, relu name=h]
  - linear 16 from=h name=mean
  - linear 16 from=h name=deviation
  - mul: [deviation, noise]
  - add: [mean, prev]
  - [linear 128, relu, linear 784 name=logits]
output: [logits, mean, deviation]
loss: bcewithlogits
""",
    "depthwise-separable": """
input: [32, 56, 56]
layers:
  - [conv 32 kernel=3 padding=1 groups=32 bias=false, conv 64 kernel=1 bias=false, batchnorm, relu]
""",
    "convnext-block": """
input: [3, 64, 64]
layers:
  - conv 96 kernel=4 stride=4
  - rearrange 'c h w -> h w c'
  - layernorm
  - residual:
    - rearrange 'h w c -> c h w'
    - conv 96 kernel=7 padding=3 groups=96
    - rearrange 'c h w -> h w c'
    - [layernorm, linear 384, gelu, linear 96, layerscale, droppath 0.1]
  - rearrange 'h w c -> c h w'
  - [adaptiveavgpool 1, flatten, layernorm, linear 10]
loss: crossentropy
""",
    "wavenet": """
dims: {samples: 8000}
input: [1, samples]
layers:
  - conv 32 kernel=1
  - repeat: 3
    layers:
      - residual:
        - pad before=4 after=0
        - mul:
          - [conv 32 kernel=3 dilation=2, tanh]
          - [conv 32 kernel=3 dilation=2, sigmoid]
        - conv 32 kernel=1
  - [relu, conv 256 kernel=1]
loss: crossentropy
""",
    "wav2vec-features": """
dims: {samples: 16000}
input: [1, samples]
layers:
  - [conv 64 kernel=10 stride=5 bias=false, groupnorm 64, gelu]
  - [conv 64 kernel=3 stride=2 bias=false, gelu, conv 64 kernel=2 stride=2 bias=false, gelu]
""",
    # 20. a model of sets: blind to order, and meant to be
    "set-transformer": """
dims: {points: 100}
input: [points, 3]
layers:
  - linear 64
  - residual: [layernorm, attention 4 bias=qvo]
  - residual: [layernorm, linear 128, relu, linear 64]
  - [mean, linear 40]
loss: crossentropy
""",
    "mixer": """
input: [3, 32, 32]
layers:
  - conv 64 kernel=4 stride=4
  - rearrange 'c h w -> (h w) c'
  - residual: [layernorm, transpose, linear 32, gelu, linear 64, transpose]
  - residual: [layernorm, linear 128, gelu, linear 64]
  - [layernorm, mean, linear 10]
loss: crossentropy
""",
    "deeplab-pooling": """
input: [256, 33, 33]
layers:
  - concat:
    - [conv 64 kernel=1 bias=false, batchnorm, relu]
    - [conv 64 kernel=3 padding=6 dilation=6 bias=false, batchnorm, relu]
    - [conv 64 kernel=3 padding=12 dilation=12 bias=false, batchnorm, relu]
    - [adaptiveavgpool 1, conv 64 kernel=1 bias=false, relu, upsample 33]
  - [conv 64 kernel=1 bias=false, batchnorm, relu, dropout 0.5, conv 21 kernel=1]
loss: crossentropy
""",
    "mixture-of-experts": """
dims: {seq: 32}
input: [seq]
layers:
  - embedding vocab=1000 dim=64 name=tokens
  - posembed length=64
  - residual: [layernorm, attention 4 causal=true bias=qvo]
  - residual: [layernorm, {moe: {experts: 4, top_k: 2, layers: [linear 128, gelu, linear 64]}}]
  - layernorm
  - linear 1000 tie=tokens
loss: crossentropy
""",
    "sequence-to-sequence": """
dims: {source: 20, target: 15}
input: {source_words: [source], target_words: [target]}
layers:
  - embedding vocab=5000 dim=64 from=source_words
  - lstm 128 name=encoder
  - embedding vocab=5000 dim=64 from=target_words
  - lstm 128 state=encoder
  - linear 5000
loss: crossentropy
""",
    "low-rank-adapter": """
input: [512]
layers:
  - add:
    - [linear 512]
    - [linear 8 bias=false, linear 512 bias=false, scale 2]
  - relu
""",
    "mlp-with-batchnorm": """
input: [20]
layers:
  - [linear 64 bias=false, batchnorm, relu, dropout 0.5, linear 64 bias=false, batchnorm, relu, linear 1]
loss: mse
""",
    "densely-connected-repeat": """
input: [16, 8, 8]
layers:
  - repeat: 4
    layers: [{concat: [prev, [batchnorm, relu, conv 8 kernel=3 padding=1 bias=false]]}]
  - [batchnorm, relu, adaptiveavgpool 1, flatten, linear 10]
""",
    "repeated-convolutions": """
input: [16, 8, 8]
layers:
  - [conv 16 kernel=3 padding=1 name=stem]
  - repeat: 4
    layers: [relu, conv 16 kernel=3 padding=1, {add: [prev, stem]}]
  - [relu, adaptiveavgpool 1, flatten, linear 10]
""",
}
