"""Lines as people who know PyTorch, Keras, Flax or YAML write them first: what is advised, followed, works."""

from __future__ import annotations

import pytest

from archcalc.diagnostics import SpecError
from archcalc.network.load import build_graph
from archcalc.rules.fixes import splice
from archcalc.source import decode
from tests.language.writing import refused, spec
from tests.spelling.test_names import INPUTS

BLOCKS = """\
blocks:
  up(channels, skip): [conv channels kernel=1]
  unit(w, stride=1): [conv w kernel=1 stride=stride]
  bare: [relu]
"""
# An entry of `layers:`, and what it is when every fix is applied.
MENDED = {
    "conv 64 3": "conv 64 kernel=3",
    "conv 64 3 name=c": "conv 64 kernel=3 name=c",
    "conv 64 3 padding=1 repeat=2": "conv 64 kernel=3 padding=1 repeat=2",
    "conv 64 3x5": "conv 64 kernel=3x5",
    "conv 64 3 bias=False": "conv 64 kernel=3 bias=false",
    "linear 512 10": "linear 10",
    "embedding 1000 64": "embedding 1000 dim=64",
    "maxpool 2 2": "maxpool 2 stride=2",
    "lstm 20 layers=2 bidirectional": "lstm 20 layers=2 bidirectional=true",
    "gru bidirectional 20": "gru 20 bidirectional=true",
    "lstm 20 bidir": "lstm 20 bidirectional=true",
    "attention 8 heads": "attention heads=8",
    "attention 8 kv_heads 2 causal": "attention 8 kv_heads=2 causal=true",
    "linear 20 bias name=l": "linear 20 bias=true name=l",
    "linear 20 nobias": "linear 20 bias=false",
    "linear 20 no bias": "linear 20 bias=false",
    "conv 16 3x3 s2 p1": "conv 16 kernel=3 stride=2 padding=1",
    "conv 16 3 same": "conv 16 kernel=3 padding=same",
    "conv 16 kernel:3": "conv 16 kernel=3",
    "conv 16 kernel 3 stride 2": "conv 16 kernel=3 stride=2",
    "conv 16 kernel=3 pad=1": "conv 16 kernel=3 padding=1",
    "maxpool kernel=3 stride=2 ceil": "maxpool kernel=3 stride=2 ceil=true",
    "upsample 2 bilinear": "upsample 2 mode=bilinear",
    "max pool 2": "maxpool 2",
    "max pool kernel=2 name=p": "maxpool kernel=2 name=p",
    "conv transpose 8 kernel=2": "convtranspose 8 kernel=2",
    "log softmax axis=0": "logsoftmax axis=0",
    "adaptive avg pool 1": "adaptiveavgpool 1",
    "multi head attention 4": "attention 4",
    "rearrange: c h w -> (h w) c": "rearrange 'c h w -> (h w) c'",
    "groupnorm 32 64": "groupnorm 32",
    "layernorm 512": "layernorm",
    "batchnorm 64": "batchnorm",
    "relu 3": "relu",
    "softmax -1": "softmax axis=-1",
    "attention 512 heads=8": "attention 8",
    "linear 512 features=10": "linear 10",
    "conv: [64, 3]": "conv 64 kernel=3",
    "conv: 64": "conv 64",
    "relu:": "relu",
    "conv1: conv 64 kernel=3": "conv 64 kernel=3 name=conv1",
    "conv1: nn.Conv2d(3, 64, 3)": "conv 64 kernel=3 name=conv1",
    "conv 64 kernel = 3": "conv 64 kernel=3",
    "conv 64 kernel =3 stride= 2": "conv 64 kernel=3 stride=2",
    "conv 64, kernel=3, stride=2": "conv 64 kernel=3 stride=2",
    "conv 64 kernel: 3": "conv 64 kernel=3",
    "[conv 64, kernel=3, relu]": "[conv 64 kernel=3, relu]",
    "[conv 64, kernel=3, stride=2, relu]": "[conv 64 kernel=3 stride=2, relu]",
    "name=x conv 8 kernel=3": "conv 8 kernel=3 name=x",
    "conv 8 kernel=(3,3)": "conv 8 kernel=3x3",
    "conv 8 kernel=[3, 5]": "conv 8 kernel=3x5",
    "conv: {channels: 8, kernel: [3, 5]}": "conv: {channels: 8, kernel: 3x5}",
    "conv 8 kernel_size=3": "conv 8 kernel=3",
    "conv 8 k=3 s=2 p=1": "conv 8 kernel=3 stride=2 padding=1",
    "conv 8 kernal=3": "conv 8 kernel=3",
    "conv 8 kernel=3 in_channels=3": "conv 8 kernel=3",
    "conv 8 kernel=3 in_chanels=3": "conv 8 kernel=3",
    "conv in_channels=3 out_channels=8 kernel_size=3": "conv channels=8 kernel=3",
    "{conv: {channels: 8, kernel: 3, in_channels: 3}}": "{conv: {channels: 8, kernel: 3}}",
    "conv 8 kernel=3 inplace=True": "conv 8 kernel=3",
    "conv 8 kernel=3 data_format=channels_last": "conv 8 kernel=3",
    "conv 8 kernel=3 bias=False": "conv 8 kernel=3 bias=false",
    "conv 8 kernel=3 use_bias=no": "conv 8 kernel=3 bias=false",
    "conv 8 kernel=3 activation=relu": "[conv 8 kernel=3, relu]",
    "Conv2D 8 kernel_size=3 activation=swish name=c": "[conv 8 kernel=3, silu name=c]",
    "Dense 10": "linear 10",
    "{type: Dense, units: 10}": "{linear: {features: 10}}",
    "dense units=10 use_bias=True": "linear features=10 bias=true",
    "attn 8": "attention 8",
    "MultiheadAttention num_heads=8 embed_dim=512 batch_first=True": "attention heads=8",
    "lstm 4 return_sequences=true": "lstm 4",
    "nn.LSTM hidden_size=4 input_size=8": "lstm hidden=4",
    "add a b": "add: [a, b]",
    "residual conv 64 kernel=3 padding=1": "residual: [conv 64 kernel=3 padding=1]",
    "repeat 3 conv 8 kernel=1": "conv 8 kernel=1 repeat=3",
    "[-1, 1, Conv, [64, 3, 2]]": "[conv 64 kernel=3 stride=2 padding=1 bias=false, batchnorm, silu]",
    "[-1, 2, Conv, [64, 1]]": "{repeat: 2, layers: [conv 64 kernel=1 bias=false, batchnorm, silu]}",
    "[-1, 1, nn.Upsample, [None, 2, 'nearest']]": "upsample 2 mode=nearest",
    "up 512 a": "up 512 skip=a",
    "unit 8 2": "unit 8 stride=2",
    "unit(8, 2)": "unit 8 stride=2",
    "unit(8, stride=2)": "unit 8 stride=2",
    "unit: [8, 2]": "unit 8 stride=2",
    "unit: 8": "unit 8",
    "unit 8 strde=2": "unit 8 stride=2",
    "bare 3": "bare",
    "relu from=aa": "relu from=a",
    "conv 8 kernel=3 nme=x": "conv 8 kernel=3 name=x",
    "softmax dim=0": "softmax axis=0",
    "transpose 0 1": "transpose 0x1",
    "mean 1 2": "mean 1x2",
    "softmax dim=-1": "softmax axis=-1",
    "ReflectionPad2d 1": "pad 1 mode=reflect",
    "nn.ReplicationPad2d 1 name=z": "pad 1 name=z mode=replicate",
    "{ReflectionPad2d: {size: 1}}": "{pad: {size: 1, mode: reflect}}",
    "conv1x1 8": "conv 8 kernel=1",
    "gelu_new": "gelu approximate=tanh",
    "BiLSTM 32": "lstm 32 bidirectional=true",
    "multihead 8": "attention 8",
    "attention 512 8": "attention 8",
    "deconvolution 8 kernel=2": "convtranspose 8 kernel=2",
    "batch_norm2d": "batchnorm",
    "ConvBNReLU 8 3": "[conv 8 kernel=3, batchnorm, relu]",
    "conv_bn_relu 8 kernel=3 padding=1 name=c": "[conv 8 kernel=3 padding=1, batchnorm, relu name=c]",
    "bn_relu_conv 3 kernel=1 from=a repeat=2": "{repeat: 2, layers: [batchnorm from=a, relu, conv 3 kernel=1]}",
    "conv 8 kernel=3 in_channel=3": "conv 8 kernel=3",
    "upsample 2 mode=nearst": "upsample 2 mode=nearest",
}  # fmt: skip
# What has two readings, or none: the words of the advice, and no fix.
TOLD = {
    "conv 64 3 1": "write `conv 64 kernel=3 stride=1` or `conv 3 kernel=1`",
    "softmax 1": "write `softmax axis=1` or `softmax axis=0`",
    "softmax dim=1": "write `axis=0` if axes count the batch as in PyTorch, or `axis=1`",
    "flatten start_dim=1": "write `start=0` if axes count the batch as in PyTorch, or `start=1`",
    "conv 8 kernel=3 norm=weight": "its keys are channels, kernel, stride, padding, dilation, groups, bias, padding_mode, reparam, reparam_axis, reparam_eps, weight",
    "conv_bn_relu 8 kernel=3 tie=b": "use its layers one by one: `conv`, `batchnorm`, `relu`",
    "sub: a": "it is `sub: [...]`",
    "cross entropy": "it is `loss: crossentropy` beside `layers:`; there are crossentropy, nll, mse, l1, bce and bcewithlogits",
    "relux": "did you mean `relu` or `relu6`?",
    "unit 8 2 3": "it takes at most 2: w, stride",
    "[[-1, 6], 1, Concat, [1]]": "it is `concat: [prev, NAME]` here; name= gives the other layer its name",
    "[15, 1, Conv, [64, 3, 2]]": "layers are referred to by name: from=NAME, with name=NAME on the layer that row 15 means",
    "[-1, 3, C2f, [128, True]]": "it is a block of Ultralytics: put its layers under `blocks:`",
    "convlstm 64": "it is a `scan` over the steps whose body is made of `conv`, `sigmoid` and `mul`: `archcalc shapes convlstm` has one",
    "se 64": "write it in layers, e.g. `mul: [prev, [adaptiveavgpool 1, conv cin//4 kernel=1, relu, conv 4*cin kernel=1, sigmoid]]`",
    "lstm 4 return_sequences=false": "the output holds all steps; from=NAME.last takes the last one",
    "clstoken 3": "it has no keys",
}  # fmt: skip


def text(*entries: str, input: str) -> str:
    return spec("identity name=a", "identity from=a name=b", *entries, input=input, top=BLOCKS)


def mend(spec_text: str) -> str:
    """A spec with the fixes of how it is written applied until there are none."""
    for _ in range(12):
        try:
            build_graph(decode("t.yaml", spec_text.encode()))
        except SpecError as error:
            fixes = [one.fix for one in error.diagnostics if one.fix and one.code.startswith("SPC")]
            if not fixes:
                return spec_text
            edits = sorted(fixes[0].edits, key=lambda edit: (edit.place.line, edit.place.column))
            mended = splice(error.diagnostics[0].place.source, edits)
            assert mended != spec_text
            spec_text = mended
        else:
            return spec_text
    raise AssertionError("fixes without end")


def entry(spec_text: str) -> str:
    return "\n".join(line.removeprefix("  - ") for line in spec_text.split("layers:\n")[1].rstrip("\n").split("\n")[2:])


@pytest.mark.parametrize("written", MENDED)
def test_mended(written):
    found = mend(text(written, input="[3, 32, 32]"))
    assert entry(found) == MENDED[written]
    for input in INPUTS[:-1]:
        try:
            build_graph(decode("t.yaml", text(MENDED[written], input=input).encode()))
            return
        except SpecError as error:
            codes = {one.code for one in error.diagnostics}
            assert codes <= {"SHP101", "SHP102", "SHP103", "SHP104", "SHP105", "SHP106", "SHP107", "SHP111", "SPC004"}
    assert MENDED[written] == "conv 64"  # whose kernel nobody can know


@pytest.mark.parametrize("written", TOLD)
def test_told(written):
    (said,) = refused(text(written, input="[3, 32, 32]"))
    assert said.help == TOLD[written]
    assert said.fix is None
