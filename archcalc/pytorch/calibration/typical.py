"""Layers of common networks: calibration draws its samples around them when no spec is given.

A line is a layer, then its input shapes. None is measured as written; sizes are drawn around it (`draw.around`).
"""

from __future__ import annotations

IMAGES = """
conv channels=64 kernel=7 stride=2 padding=3 bias=false | 3 224 224
conv channels=64 kernel=11 stride=4 padding=2 | 3 224 224
conv channels=64 kernel=3 padding=1 | 3 112 112
conv channels=32 kernel=3 stride=2 padding=1 bias=false | 3 160 160
conv channels=256 kernel=16 stride=16 | 3 224 224
conv channels=16 kernel=5 | 1 28 28
conv channels=64 kernel=3 padding=1 bias=false | 64 56 56
conv channels=64 kernel=3 padding=1 | 64 112 112
conv channels=128 kernel=3 padding=1 | 128 28 28
conv channels=128 kernel=3 stride=2 padding=1 bias=false | 64 56 56
conv channels=256 kernel=3 padding=1 bias=false | 256 14 14
conv channels=512 kernel=3 padding=1 | 256 14 14
conv channels=512 kernel=3 padding=1 | 512 7 7
conv channels=192 kernel=5 padding=2 | 64 27 27
conv channels=48 kernel=5 padding=2 | 16 14 14
conv channels=32 kernel=3 padding=1 bias=false | 128 28 28
conv channels=64 kernel=1 | 64 56 56
conv channels=256 kernel=1 bias=false | 64 56 56
conv channels=128 kernel=1 bias=false | 512 28 28
conv channels=1024 kernel=1 bias=false | 256 14 14
conv channels=512 kernel=1 stride=2 bias=false | 256 56 56
conv channels=2048 kernel=1 bias=false | 512 7 7
conv channels=96 kernel=1 bias=false | 16 112 112
conv channels=24 kernel=1 bias=false | 144 56 56
conv channels=64 kernel=1 | 16 27 27
conv channels=96 kernel=3 padding=1 groups=96 bias=false | 96 56 56
conv channels=192 kernel=3 padding=1 groups=192 bias=false | 192 28 28
conv channels=576 kernel=3 stride=2 padding=1 groups=576 bias=false | 576 14 14
conv channels=960 kernel=3 padding=1 groups=960 bias=false | 960 7 7
conv channels=64 kernel=3 stride=2 padding=1 groups=64 bias=false | 64 112 112
conv channels=96 kernel=7 padding=3 groups=96 | 96 56 56
conv channels=128 kernel=3 padding=1 groups=32 bias=false | 128 56 56
conv channels=256 kernel=3 padding=1 groups=32 bias=false | 256 28 28
convtranspose channels=256 kernel=2 stride=2 | 512 16 16
convtranspose channels=64 kernel=2 stride=2 | 128 64 64
convtranspose channels=128 kernel=4 stride=2 padding=1 | 256 8 8
batchnorm | 64 112 112
batchnorm | 128 28 28
batchnorm | 256 56 56
batchnorm | 1024 14 14
batchnorm | 512 7 7
relu | 64 112 112
relu | 192 27 27
relu | 256 56 56
relu | 512 14 14
relu | 4096
relu6 | 96 112 112
relu6 | 192 28 28
relu6 | 576 14 14
silu | 64 56 56
hardswish | 120 28 28
maxpool kernel=2 stride=2 | 64 112 112
maxpool kernel=2 stride=2 | 512 14 14
maxpool kernel=3 stride=2 | 64 55 55
maxpool kernel=3 stride=2 padding=1 | 64 112 112
maxpool kernel=3 stride=1 padding=1 | 480 14 14
avgpool kernel=2 stride=2 | 256 28 28
avgpool kernel=2 stride=2 | 6 28 28
avgpool kernel=3 stride=2 | 64 27 27
adaptiveavgpool output=1 | 1024 7 7
adaptiveavgpool output=6 | 256 6 6
adaptiveavgpool output=1 | 256 14 14
add operands | 64 56 56 | 64 56 56
add operands | 256 56 56 | 256 56 56
add operands | 1024 14 14 | 1024 14 14
concat operands axis=0 | 128 28 28 | 32 28 28
concat operands axis=0 | 64 56 56 | 64 56 56
concat operands axis=0 | 192 14 14 | 208 14 14 | 48 14 14 | 64 14 14
localresponsenorm size=5 | 64 55 55
upsample scale=2 | 128 28 28
flatten | 256 6 6
linear features=4096 | 9216
linear features=4096 | 4096
linear features=1000 | 2048
linear features=1000 | 1280
linear features=256 | 784
linear features=84 | 120
dropout p=0.5 | 4096
"""

SEQUENCES = """
linear features=2048 | 64 512
linear features=768 | 197 3072
linear features=3072 | 197 768
linear features=768 | 512 768
linear features=192 | 197 768
linear features=512 | 30 256
linear features=10000 bias=false | 60 256
linear features=30000 | 30 512
linear features=20 | 50 10
attention heads=12 | 197 768
attention heads=8 | 64 512
attention heads=3 | 197 192
attention heads=8 causal=true | 256 512
attention heads=12 causal=true | 512 768
attention heads=16 kv_heads=4 bias=false causal=true rope=10000 | 256 1024
attention heads=8 kv | 48 512 | 64 512
layernorm | 197 768
layernorm | 64 512
layernorm | 512 1024
rmsnorm axis=1 | 256 1024
rmsnorm axis=1 | 64 2048
gelu | 197 3072
gelu approximate=tanh | 512 3072
relu | 64 2048
silu | 256 2816
tanh | 60 512
sigmoid | 128 128
softmax axis=1 | 128 128
softmax axis=2 | 8 128 128
logsoftmax | 10
logsoftmax axis=1 | 60 10000
add operands | 197 768 | 197 768
mul operands | 256 2816 | 256 2816
embedding vocab=30000 dim=512 | 64
embedding vocab=10000 dim=128 | 200
posembed length=512 | 512 768
posembed length=64 | 64 512
matmul operands | 128 64 | 64 128
matmul operands | 8 128 64 | 8 64 128
matmul operands | 256 256 | 256 64
scale factor=0.125 | 128 128
transpose | 128 64
select index=0 | 197 768
slice start=0 end=32 | 128 512
concat operands axis=1 | 30 256 | 30 256
lstm hidden=20 | 50 10
lstm hidden=32 | 30 16
lstm hidden=64 | 20 32
lstm hidden=128 | 60 128
lstm hidden=200 bidirectional=true | 30 100
lstm hidden=256 layers=2 | 30 256
lstm hidden=320 layers=2 | 25 300
lstm hidden=512 | 40 512
lstm hidden=768 | 8 512
lstm hidden=1024 | 8 1024
gru hidden=20 | 50 10
gru hidden=32 | 40 16
gru hidden=64 | 20 64
gru hidden=128 layers=2 | 30 128
gru hidden=256 | 60 128
gru hidden=400 | 20 200
gru hidden=512 | 30 256
gru hidden=1024 | 8 512
rnn hidden=20 | 50 10
rnn hidden=64 | 40 32
rnn hidden=128 | 100 128
rnn hidden=256 | 100 128
rnn hidden=512 | 30 256
rnn hidden=1536 | 8 512
"""
