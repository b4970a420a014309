"""A call of PyTorch and the line that is advised for it compute the same, with the same weights."""

from __future__ import annotations

import inspect
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

import archcalc
from archcalc.spelling.convert import from_python
from archcalc.spelling.names import plain
from archcalc.spelling.signatures import TORCH
from tests.each import each

IMAGE, SEQUENCE, VECTOR, LINE = (3, 12, 10), (7, 16), (24,), (4, 12)
# Modules and what they read, without the batch.
MODULES = {
    "nn.Conv2d(3, 8, 3)": IMAGE,
    "nn.Conv2d(3, 6, (3, 5), (2, 1), (1, 2), (1, 1), 3, False)": IMAGE,
    "nn.Conv2d(3, 8, 3, padding='same', dilation=2)": IMAGE,
    "nn.Conv2d(3, 8, 3, padding='valid')": IMAGE,
    "nn.Conv2d(3, 8, 3, padding=1, padding_mode='reflect')": IMAGE,
    "nn.Conv1d(4, 8, 3, stride=2)": LINE,
    "nn.ConvTranspose2d(3, 8, 3, 2, 1, 1)": IMAGE,
    "nn.Linear(24, 5, bias=False)": VECTOR,
    "nn.Linear(16, 5)": SEQUENCE,
    "nn.BatchNorm2d(3)": IMAGE,
    "nn.BatchNorm1d(24, eps=0.01)": VECTOR,
    "nn.InstanceNorm2d(3, affine=True)": IMAGE,
    "nn.GroupNorm(3, 3)": IMAGE,
    "nn.LayerNorm(16)": SEQUENCE,
    "nn.LayerNorm([16], elementwise_affine=False)": SEQUENCE,
    "nn.Sequential(nn.Linear(16, 16), nn.RMSNorm(16, eps=1e-6))": SEQUENCE,
    "nn.Sequential(nn.Linear(16, 16), nn.RMSNorm(16))": SEQUENCE,
    "nn.TransformerEncoderLayer(16, 4, 32, 0.0, batch_first=True, bias=False, layer_norm_eps=0.1)": SEQUENCE,
    "nn.LocalResponseNorm(2)": IMAGE,
    "nn.MaxPool2d(2)": IMAGE,
    "nn.MaxPool2d(3, 2, 1, ceil_mode=True)": IMAGE,
    "nn.AvgPool2d(3, 2, 1, count_include_pad=False)": IMAGE,
    "nn.AdaptiveAvgPool2d((1, 1))": IMAGE,
    "nn.AdaptiveMaxPool2d((3, 2))": IMAGE,
    "nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True)": IMAGE,
    "nn.Upsample(size=(5, 7))": IMAGE,
    "nn.UpsamplingNearest2d(scale_factor=2)": IMAGE,
    "nn.UpsamplingBilinear2d(scale_factor=2)": IMAGE,
    "nn.ZeroPad2d(1)": IMAGE,
    "nn.ZeroPad2d((1, 2, 3, 4))": IMAGE,
    "nn.ReflectionPad2d((1, 2, 3, 4))": IMAGE,
    "nn.ReplicationPad2d(2)": IMAGE,
    "nn.CircularPad2d((1, 1, 2, 2))": IMAGE,
    "nn.ConstantPad2d(1, 0.0)": IMAGE,
    "nn.ConstantPad2d((1, 2, 3, 4), -2.5)": IMAGE,
    "nn.PixelUnshuffle(2)": IMAGE,
    "nn.ChannelShuffle(3)": IMAGE,
    "nn.LSTM(16, 5, 2, batch_first=True, bidirectional=True)": SEQUENCE,
    "nn.GRU(16, 5, batch_first=True, bias=False)": SEQUENCE,
    "nn.RNN(16, 5, nonlinearity='relu', batch_first=True)": SEQUENCE,
    "nn.Softmax(dim=1)": VECTOR,
    "nn.Softmax(dim=-1)": SEQUENCE,
    "nn.Softmax2d()": IMAGE,
    "nn.LogSoftmax(dim=2)": SEQUENCE,
    "nn.GLU(dim=1)": VECTOR,
    "nn.LeakyReLU(0.2)": VECTOR,
    "nn.ELU(0.5)": VECTOR,
    "nn.CELU(alpha=2)": VECTOR,
    "nn.PReLU()": VECTOR,
    "nn.GELU('tanh')": VECTOR,
    "nn.Softplus(2)": VECTOR,
    "nn.Hardtanh(-2, 3)": VECTOR,
    "nn.Flatten()": IMAGE,
    "nn.Flatten(2)": IMAGE,
    "nn.Flatten(1, 2)": IMAGE,
    "nn.Unflatten(1, (2, 3, 4))": VECTOR,
    "nn.Identity()": VECTOR,
    "nn.Dropout(0.3)": VECTOR,
    "nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(320, 2))": IMAGE,
    "nn.Sequential(OrderedDict([('a', nn.Linear(24, 4)), ('b', nn.Tanh())]))": VECTOR,
    "nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)": SEQUENCE,
    "nn.TransformerEncoderLayer(16, 4, 32, activation='gelu', batch_first=True, norm_first=True)": SEQUENCE,
    **{f"nn.{name}()": VECTOR for name in (
        "ReLU", "ReLU6", "SELU", "SiLU", "Mish", "Hardswish", "Hardsigmoid", "Sigmoid", "Tanh", "Softsign", "LogSigmoid")},
}  # fmt: skip
FUNCTIONS = {
    "F.relu(x)": IMAGE,
    "torch.sigmoid(x)": IMAGE,
    "x.tanh()": IMAGE,
    "torch.exp(x)": IMAGE,
    "F.leaky_relu(x, 0.2)": IMAGE,
    "F.gelu(x, approximate='tanh')": VECTOR,
    "F.softmax(x, dim=1)": IMAGE,
    "x.softmax(-1)": SEQUENCE,
    "F.log_softmax(x, 1)": VECTOR,
    "F.max_pool2d(x, 3, 2, 1)": IMAGE,
    "F.max_pool2d(F.relu(x), (2, 2))": IMAGE,
    "F.avg_pool2d(x, 2)": IMAGE,
    "F.adaptive_avg_pool2d(x, 1)": IMAGE,
    "F.interpolate(x, scale_factor=2, mode='bilinear', align_corners=False)": IMAGE,
    "F.interpolate(x, size=(5, 5))": IMAGE,
    "F.pad(x, (1, 1, 1, 1))": IMAGE,
    "F.pad(x, (1, 2, 3, 4), mode='reflect')": IMAGE,
    "F.layer_norm(x, (16,))": SEQUENCE,
    "F.dropout(x, 0.5, training=False)": IMAGE,
    "torch.flatten(x, 1)": IMAGE,
    "torch.flatten(x, 2)": IMAGE,
    "x.flatten(1)": IMAGE,
    "x.view(-1, 360)": IMAGE,
    "x.view(x.size(0), -1)": IMAGE,
    "x.reshape(-1, 5, 72)": IMAGE,
    "torch.reshape(x, (-1, 360))": IMAGE,
    "x.permute(0, 2, 1)": SEQUENCE,
    "x.permute(0, 2, 3, 1)": IMAGE,
    "x.permute(0, 3, 1, 2)": IMAGE,
    "x.transpose(1, 2)": SEQUENCE,
    "x.transpose(-1, -2)": IMAGE,
    "torch.transpose(x, 1, 3)": IMAGE,
    "x.unsqueeze(1)": VECTOR,
    "x.unsqueeze(2)": SEQUENCE,
    "x.unsqueeze(-1)": SEQUENCE,
    "x.unsqueeze(1).squeeze(1)": SEQUENCE,
    "x.mean(dim=[2, 3])": IMAGE,
    "x.mean(1)": SEQUENCE,
    "torch.mean(x, dim=-1, keepdim=True)": SEQUENCE,
    "x.sum(1)": SEQUENCE,
    "torch.amax(x, dim=(2, 3))": IMAGE,
    "x.logsumexp(-1, keepdim=True)": SEQUENCE,
    "torch.argmax(x, dim=1)": SEQUENCE,
    "torch.cumsum(x, 2)": SEQUENCE,
    "torch.flip(x, (1, 2))": SEQUENCE,
    "x.exp().sqrt()": VECTOR,
    "torch.abs(x)": VECTOR,
    "x.pow(2)": VECTOR,
    "torch.roll(x, shifts=(1, 2), dims=(1, 2))": SEQUENCE,
    "torch.clamp(x, 0, 1)": VECTOR,
    "x.contiguous().view(x.size(0), -1).relu()": IMAGE,
}  # fmt: skip
HERE = {"nn": nn, "F": F, "torch": torch, "OrderedDict": OrderedDict}


def built(call: str, shape: tuple[int, ...]) -> nn.Module:
    (line,) = from_python(call).readings
    text = f"model: m\ninput: {list(shape)}\nlayers:\n  - {line}\n"
    return archcalc.loads(text).to_torch()


def output(value):
    return value[0] if isinstance(value, tuple) else next(iter(value.values())) if isinstance(value, dict) else value


@each(MODULES)
def test_a_module(call):
    torch.default_generator.manual_seed(0)
    theirs, ours = eval(call, HERE).eval(), built(call, MODULES[call]).eval()
    weights = list(theirs.parameters())
    if isinstance(theirs, nn.TransformerEncoderLayer):  # its norms stand last, wherever they are applied
        parts = [theirs.self_attn, theirs.norm1, theirs.linear1, theirs.linear2, theirs.norm2]
        order = (1, 0, 4, 2, 3) if theirs.norm_first else (0, 1, 2, 3, 4)
        weights = [weight for index in order for weight in parts[index].parameters()]
    mine = list(ours.parameters())
    assert [p.shape for p in mine] == [p.shape for p in weights]
    with torch.no_grad():
        for own, other in zip(mine, weights):
            own.copy_(nn.init.normal_(other, std=0.5))
    x = torch.randn(2, *MODULES[call])
    torch.testing.assert_close(output(ours(x)), output(theirs(x)))


@each(FUNCTIONS)
def test_a_function(call):
    x = torch.randn(2, *FUNCTIONS[call])
    torch.testing.assert_close(output(built(call, FUNCTIONS[call]).eval()(x)), eval(call, {**HERE, "x": x}))


@each(sorted(set(dir(nn))))
def test_signatures_are_those_of_pytorch(name):
    cls = getattr(nn, name)
    signature = TORCH.get(plain(name)) if inspect.isclass(cls) and issubclass(cls, nn.Module) else None
    if signature is None or name.startswith("Lazy") or name in ("Softmax2d", "SyncBatchNorm", "AvgPool1d"):
        return
    wanted = signature.split()
    given = list(inspect.signature(cls).parameters)
    if given == ["args", "kwargs"]:  # of recurrent layers, from the base
        given = [
            one for one in inspect.signature(nn.modules.rnn.RNNBase.__init__).parameters if one not in ("self", "mode")
        ]
        wanted = [one for one in wanted if one != "nonlinearity"]
    assert given[: len(wanted)] == wanted or set(wanted) <= set(given)
    assert [one for one in given if one in wanted] == wanted
