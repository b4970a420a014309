"""Python as a spec's line: what PyTorch, Keras and Flax write, and what it is here."""

from __future__ import annotations

import pytest

from archcalc.spelling.convert import from_python
from tests.language.writing import graph, wrong
from tests.spelling.test_names import computes

# The call, and each reading of it.
CALLS = {
    "attention(512, 8)": "attention 8",
    # PyTorch's modules
    "nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)": "conv 64 kernel=7 stride=2 padding=3 bias=false",
    "nn.Conv2d(3, 64, kernel_size=(3, 5), padding='same')": "conv 64 kernel=3x5 padding=same",
    "nn.Conv2d(3, 64, 3, padding='valid')": "conv 64 kernel=3",
    "nn.Conv2d(in_channels=3, out_channels=64, kernel_size=3)": "conv 64 kernel=3",
    "Conv2d(64, kernel_size=3)": "conv 64 kernel=3",
    "Conv2d(64, 3)": "conv 64 kernel=3",
    "conv(64, 3)": "conv 64 kernel=3",
    "conv(8, kernel=3)": "conv 8 kernel=3",
    "nn.ConvTranspose2d(64, 32, 2, 2)": "convtranspose 32 kernel=2 stride=2",
    "nn.Linear(10, 5, bias=False)": "linear 5 bias=false",
    "nn.Linear(5)": "linear 5",
    "nn.Unfold(3, stride=2)": "unfold 3 stride=2",
    "nn.Fold((4, 5), kernel_size=3)": "fold 4x5 kernel=3",
    "linear(10)": "linear 10",
    "nn.LazyLinear(10)": "linear 10",
    "nn.BatchNorm2d(64)": "batchnorm",
    "nn.BatchNorm2d(64, momentum=0.01, eps=0.001)": "batchnorm momentum=0.01 eps=0.001",
    "nn.LayerNorm([64])": "layernorm",
    "nn.GroupNorm(32, 64)": "groupnorm 32",
    "nn.Embedding(1000, 64, padding_idx=0)": "embedding 1000 dim=64 padding_idx=0",
    "nn.LSTM(10, 20, 2, batch_first=True, bidirectional=True)": "lstm 20 layers=2 bidirectional=true",
    "nn.MultiheadAttention(512, 8)": "attention 8",
    "nn.MaxPool2d(2, 2)": "maxpool 2 stride=2",
    "nn.AdaptiveAvgPool2d((1, 1))": "adaptiveavgpool 1",
    "nn.ReLU(inplace=True)": "relu",
    "nn.Dropout(0.5)": "dropout 0.5",
    "nn.Softmax(dim=1)": "softmax axis=0",
    "nn.Softmax(dim=-1)": "softmax axis=-1",
    "nn.Flatten()": "flatten",
    "nn.Flatten(1)": "flatten",
    "nn.Flatten(2)": "flatten start=1",
    "nn.RMSNorm(64)": "rmsnorm eps=1.1920929e-07",
    "nn.ConstantPad2d(1, 3.5)": "pad 1 value=3.5",
    "nn.EmbeddingBag(1000, 64, mode='sum')": "[embedding 1000 dim=64, sum 0]",
    "nn.Sequential(nn.Linear(3,4))": "linear 4",
    "self.layers.append(nn.Linear(3, 10))": "linear 10",
    "torch.split(x, [8, 8], dim=1)": "split sizes=8x8 axis=0",
    "nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())": "[conv 8 kernel=3, batchnorm, relu]",
    "nn.Sequential(OrderedDict([('c', nn.Conv2d(1, 20, 5)), ('r', nn.ReLU())]))": "[conv 20 kernel=5 name=c, relu name=r]",
    "nn.ReflectionPad2d((1, 2, 3, 4))": "pad before=3x1 after=4x2 mode=reflect",
    "nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True)": "upsample 2 mode=bilinear align_corners=true",
    "self.conv1 = nn.Conv2d(3, 6, 5)": "conv 6 kernel=5 name=conv1",
    "nn.Conv2d(3, cfg.width, 3)": "conv width kernel=3",
    "nn.Linear(dim, 4 * dim)": "linear 4*dim",
    "torch.nn.Linear(3, 4)": "linear 4",
    "eqx.nn.Conv2d(3, 64, 3, key=key)": "conv 64 kernel=3",
    # its functions and methods
    "F.relu(x)": "relu",
    "x = torch.relu(x)": "relu",
    "F.max_pool2d(F.relu(x), (2, 2))": "[relu, maxpool 2]",
    "F.dropout(x, 0.5, training=self.training)": "dropout 0.5",
    "F.log_softmax(x, dim=1)": "logsoftmax axis=0",
    "F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=False)": "upsample 2 mode=bilinear align_corners=false",
    "F.pad(x, (1, 1, 1, 1))": "pad 1",
    "torch.flatten(x, 1)": "flatten",
    "x.view(-1, 784)": "reshape 784",
    "x.view(x.size(0), -1)": "flatten",
    "x.contiguous().view(x.size(0), -1)": "flatten",
    "x.reshape(-1, 16, 7, 7)": "reshape 16x7x7",
    "x.permute(0, 2, 1)": "transpose 0x1",
    "x.permute(0, 2, 3, 1)": "rearrange 'a b c -> b c a'",
    "x.transpose(1, 2)": "transpose 0x1",
    "x.unsqueeze(1)": "rearrange '... -> 1 ...'",
    "x.squeeze(-1)": "select 0 axis=-1",
    "x.mean(dim=[2, 3])": "mean 1x2",
    "x.chunk(2, dim=1)": "split 2 axis=0",
    # Keras
    "Conv2D(64, (3,3), activation='relu')": "[conv 64 kernel=3, relu]",
    "layers.Conv2D(64, 3, strides=2, padding='same', activation='relu', name='c')": "[conv 64 kernel=3 stride=2 padding=same_upper, relu name=c]",
    "Conv2D(64, 3, padding='same')": "conv 64 kernel=3 padding=same",
    "keras.layers.Conv1D(64, 3, padding='valid')": "conv 64 kernel=3",
    "tf.keras.layers.Conv2DTranspose(64, 3, strides=2, padding='same')": "convtranspose 64 kernel=3 stride=2 padding=1 output_padding=1",
    "Dense(10)": "linear 10",
    "Dense(10, activation='softmax')": "[linear 10, softmax]",
    "Dense(10)(x)": "linear 10",
    "MaxPooling2D((2,2))": "maxpool 2",
    "MaxPooling2D()": "maxpool 2",
    "MaxPooling2D(3, strides=2, padding='same')": "maxpool 3 stride=2 padding=same_upper",
    "AveragePooling2D(2)": "avgpool 2",
    "GlobalAveragePooling2D()": "[adaptiveavgpool 1, flatten]",
    "BatchNormalization()": "batchnorm eps=0.001",
    "Flatten(input_shape=(28, 28))": "flatten",
    "Reshape((7, 7, 64))": "[reshape 7x7x64, rearrange 'h w c -> c h w']",
    "Embedding(10000, 128)": "embedding 10000 dim=128",
    "LSTM(64, return_sequences=True)": "lstm 64 bias=one",
    "keras.layers.LSTM(64)": "[lstm 64 bias=one, select -1]",
    "layers.Bidirectional(layers.LSTM(64, return_sequences=True))": "lstm 64 bias=one bidirectional=true",
    "layers.TimeDistributed(layers.Dense(10))": "linear 10",
    "MultiHeadAttention(num_heads=8, key_dim=64)": "attention 8 head_dim=64",
    "SeparableConv2D(64, 3, padding='same')": "[conv cin kernel=3 padding=same groups=cin bias=false, conv 64 kernel=1]",
    "DepthwiseConv2D(3)": "conv cin kernel=3 groups=cin",
    "ZeroPadding2D(((1,2),(3,4)))": "pad before=1x3 after=2x4",
    "UpSampling2D()": "upsample 2",
    "Activation('relu')": "relu",
    "LeakyReLU(0.2)": "leakyrelu 0.2",
    "Dropout(0.5)": "dropout 0.5",
    "hk.Conv2D(64, 3)": "conv 64 kernel=3",
    "layers.BatchNormalization(center=False)": "batchnorm bias=false eps=0.001",
    "layers.LayerNormalization()": "layernorm eps=0.001",
    "layers.LeakyReLU()": "leakyrelu 0.3",
    "layers.LeakyReLU(alpha=0.1)": "leakyrelu 0.1",
    "layers.Conv2D(8, 3, activation='leaky_relu')": "[conv 8 kernel=3, leakyrelu 0.2]",
    "tf.nn.leaky_relu(x)": "leakyrelu 0.2",
    "layers.ReLU(max_value=6)": "relu6",
    "layers.ReLU(max_value=3.5)": "hardtanh low=0 high=3.5",
    "ReLU(6.)": "relu6",
    "layers.Cropping2D(((1, 2), (3, 4)))": "pad before=-1x-3 after=-2x-4",
    "model.add(Dense(10, activation='softmax'))": "[linear 10, softmax]",
    "layers.LSTM(64, dropout=0.2, return_sequences=True)": "[dropout 0.2, lstm 64 bias=one]",
    "Embedding(1000, 64, input_length=10)": "embedding 1000 dim=64",
    "paddle.nn.Conv2D(3, 64, 3)": "conv 64 kernel=3",
    # Flax
    "nn.LayerNorm(epsilon=1e-5)": "layernorm eps=1e-05",
    "nn.LayerNorm(use_bias=False)": "layernorm bias=false eps=1e-06",
    "nn.gelu(x)": "gelu approximate=tanh",
    "jax.nn.gelu(x, approximate=False)": "gelu approximate=none",
    "nn.Conv(features=64, kernel_size=(3, 3))": "conv 64 kernel=3 padding=same",
    "nn.Conv(64, (3, 3), strides=(2, 2))": "conv 64 kernel=3 stride=2 padding=same_upper",
    "nn.Conv(64, (3, 3), strides=2, padding='VALID')": "conv 64 kernel=3 stride=2",
    "nn.Conv(32, (3,3), padding=((1,1),(1,1)))": "conv 32 kernel=3 padding=1",
    "nn.Dense(features=10)": "linear 10",
    "nn.Embed(num_embeddings=1000, features=64)": "embedding 1000 dim=64",
    "nn.SelfAttention(num_heads=8)": "attention 8",
    "nn.max_pool(x, (2, 2), strides=(2, 2))": "maxpool 2 stride=2",
    "nn.avg_pool(x, window_shape=(2, 2))": "avgpool 2 stride=1",
    "nn.relu(x)": "relu",
    "nnx.Conv(3, 64, kernel_size=(3, 3), rngs=rngs)": "conv 64 kernel=3 padding=same",
    "nnx.Linear(784, 10, rngs=rngs)": "linear 10",
}  # fmt: skip
# What can be read in two ways is told in both, and written by no fix.
TWO = {
    "conv(64, 3, 2)": ["conv 64 kernel=3 stride=2", "conv 3 kernel=2"],
    "LeakyReLU()": ["leakyrelu 0.3", "leakyrelu"],
    "LSTM(64)": ["[lstm 64 bias=one, select -1]", "lstm 64"],
    "nn.Conv2D(3, 64, 3)": ["conv 3 kernel=64 stride=3", "conv 64 kernel=3"],
    "lstm(128, 256)": ["lstm 128 layers=256", "lstm 256"],
}
# What is no layer, or cannot be known, and what is said of it.
SAID = {
    "torch.cat([a, b], dim=1)": "it is `concat: [a, b]`, with the names",
    "tf.reduce_mean(x, axis=[1, 2])": "with axes counted without the batch and channels first",
    "jnp.max(x, axis=-1)": "with axes counted without the batch and channels first",
    "layers.BatchNormalization(scale=False)": "without a scale a shift is left",
    "layers.MultiHeadAttention(4, 16, value_dim=8)": "`attention` has no key for `value_dim`",
    "layers.LSTM(64, go_backwards=True)": "what `go_backwards=` does",
    "layers.LSTM(64, activation='relu')": "`lstm` has no key for `activation`",
    "layers.LSTM(64, recurrent_dropout=0.1)": "no layer drops parts of the state",
    "layers.Conv2D(8, 3, activation=layers.LeakyReLU(0.1))": "write the activation as a layer of its own",
    "torch.split(x, 32, dim=1)": "`split sizes=32x-1` how large each is",
    "x + y": "it is `add: [a, b]` with the names of layers, or `residual: [...]`",
    "x @ w": "it is `matmul: [a, b]`",
    "x[:, 0]": "`select 0` one position",
    "nn.CrossEntropyLoss()": "it is `loss: crossentropy` beside `layers:`",
    "F.cross_entropy(x, y)": "it is `loss: crossentropy` beside `layers:`",
    "nn.Softmax(dim=0)": "axis 0 is the batch in Python",
    "torch.flatten(x)": "axis 0 is the batch in Python",
    "x.mean()": "say over which axes",
    "x.contiguous()": "leave it out",
    "return x": "the output is the last layer",
    "F.relu(self.conv1(x))": "`self.conv1` is made elsewhere",
    "x = self.pool(x)": "`self.pool` is made elsewhere",
    "F.conv2d(x, self.weight)": "its weight is made elsewhere",
    "nn.Sequential(*layers)": "a `*` does not show what it unpacks",
    "nn.ModuleList([nn.Linear(3, 3) for _ in range(12)])": "copies are written `repeat: 12`",
    "Input(shape=(28, 28, 1))": "e.g. `input: [1, 28, 28]`",
    "GlobalAveragePooling1D()": "after `conv` it is `[adaptiveavgpool 1, flatten]`",
    "layers.Bidirectional(layers.LSTM(64))": "from=NAME.last",
    "nn.Conv2d(64)": "`conv` needs `kernel`",
    "nn.Conv2d(3, 64, 3, foo=3)": "`conv` has no key for `foo`",
    "nn.Conv2d(3, 64, -3)": "`kernel` must be at least 1",
    "nn.Conv2d(3, f(64), 3)": "`f(64)` is computed in Python",
    "nn.AdaptiveAvgPool2d((None, 7))": "`None` is computed",
    "foo(3)": "`foo` is not a layer",
    "Conv2d(": "it is `conv` here",
    "lambda(x)": "there are no functions",
    "conv(" + "(" * 3000: "it is `conv` here",
}  # fmt: skip


@pytest.mark.parametrize("call", CALLS)
def test_a_call_is_a_line_that_computes(call):
    read = from_python(call)
    assert (read.readings, read.sentence) == ([CALLS[call]], None)
    said = wrong(call)
    assert (said.code, said.help) == ("SPC007", f"write `{CALLS[call]}`")
    (edit,) = said.fix.edits
    assert edit.text == CALLS[call]
    line = edit.text.replace("width", "48").replace("4*dim", "48")
    assert (
        computes(line)
        or computes("conv 16 kernel=1", line)
        or graph(line, input="[18, 6]" if line.startswith("fold") else "[16, 7, 7]")
    )


@pytest.mark.parametrize("call", TWO)
def test_two_readings_are_told_and_not_written(call):
    assert from_python(call).readings == TWO[call]
    said = wrong(call)
    assert said.help.startswith(f"write {' or '.join(f'`{line}`' for line in TWO[call])}")
    assert said.fix is None


@pytest.mark.parametrize("call", SAID)
def test_what_no_line_stands_for(call):
    read = from_python(call)
    assert read.readings == []
    assert SAID[call] in read.sentence


@pytest.mark.parametrize(
    ("entry", "edited"),
    [
        ("[nn.Conv2d(3, 64, 3), relu]", "[conv 64 kernel=3, relu]"),
        ("[relu, nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), relu]", "[relu, [conv 4 kernel=3, relu], relu]"),
        ("conv1: nn.Conv2d(3, 64, 3)", "conv 64 kernel=3 name=conv1"),
        ("conv: nn.Conv2d(3, 64, 3)", "conv 64 kernel=3"),
        ("'nn.Linear(3, 4)'", "linear 4"),
    ],
)
def test_where_it_is_written(entry, edited):
    said = wrong(entry)
    (edit,) = said.fix.edits
    line = said.place.source.line(4)
    assert line[: edit.place.column - 1] + edit.text + line[edit.place.end_column - 1 :] == f"  - {edited}"
