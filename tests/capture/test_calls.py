"""Every kind of call: what a module counts, and what its spec counts, are the same, with nothing left opaque."""

from __future__ import annotations

import random

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from archcalc.diagnostics import RequestError
from archcalc.pytorch.capture.examples import Example
from archcalc.pytorch.capture.live import without_numbers
from archcalc.pytorch.capture.reading import Reading, read_module
from archcalc.pytorch.capture.record import by_name, record


class Of(nn.Module):
    """A module whose forward is a function; what it needs are its children and parameters."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def read(module: nn.Module, *inputs, train: bool = False) -> Reading:
    examples = [
        one if isinstance(one, Example) else Example(f"input{index}" if index else "input", one)
        for index, one in enumerate(inputs)
    ]
    return read_module(without_numbers(module), examples, "net", train)


def parameter(*sizes: int) -> nn.Parameter:
    return nn.Parameter(torch.zeros(*sizes))


def _written(x: torch.Tensor) -> torch.Tensor:
    """Zeros with one step after the other put into them."""
    found = torch.zeros(x.shape, device=x.device)
    for step in range(3):
        found[:, step] = x[:, step].tanh()
    return found


PIXELS = (8, 12, 10)
TOKENS = (12, 16)
WORDS = Example("input", (12,), torch.long)

ONE = {
    "conv": (nn.Conv2d(8, 6, 3, stride=2, padding=(1, 2), dilation=2, groups=2, bias=False), PIXELS),
    "conv1d": (nn.Conv1d(16, 6, 3, padding="same"), (16, 12)),
    "conv3d": (nn.Conv3d(2, 6, 3), (2, 5, 6, 7)),
    "circular": (Of(lambda m, x: F.pad(x, (1, 1, 1, 1), mode="circular")), PIXELS),
    "convtranspose": (nn.ConvTranspose2d(8, 4, 3, stride=2, output_padding=1, groups=2), PIXELS),
    "linear": (nn.Linear(16, 5), TOKENS),
    "linear of an image": (nn.Linear(10, 5), PIXELS),
    "embedding": (nn.Embedding(20, 6, padding_idx=1), WORDS),
    "tied": (Of(lambda m, x: F.linear(m.table(x), m.table.weight), table=nn.Embedding(20, 6)), WORDS),
    "addmm": (
        Of(lambda m, x: torch.addmm(m.b, x.reshape(-1, 16), m.w).view(*x.shape[:-1], 6), w=parameter(16, 6), b=parameter(6)),
        TOKENS,
    ),
    "computed weight": (Of(lambda m, x: F.linear(x, m.a * m.b), a=parameter(4, 16), b=parameter(4, 1)), TOKENS),
    "computed bias": (
        Of(lambda m, x: F.linear(x, m.w, torch.cat([m.b, torch.zeros_like(m.b)])), w=parameter(8, 16), b=parameter(4)),
        TOKENS,
    ),
    "batchnorm": (nn.BatchNorm2d(8, eps=1e-3, affine=False), PIXELS),
    "batchnorm of vectors": (nn.BatchNorm1d(8), (8,)),
    "batchnorm of positions": (
        Of(lambda m, x: m.norm(x.flatten(0, 1)).view_as(x), norm=nn.BatchNorm1d(16)),
        TOKENS,
    ),
    "groupnorm": (nn.GroupNorm(4, 8), PIXELS),
    "instancenorm": (nn.InstanceNorm2d(8, affine=True), PIXELS),
    "layernorm": (nn.LayerNorm(16, eps=1e-6), TOKENS),
    "layernorm of two axes": (nn.LayerNorm((12, 10)), PIXELS),
    "layernorm without bias": (nn.LayerNorm(16, bias=False), TOKENS),
    "rmsnorm": (nn.RMSNorm(16), TOKENS),
    "localresponsenorm": (nn.LocalResponseNorm(5), PIXELS),
    "normalize": (Of(lambda m, x: F.normalize(x, dim=-1)), TOKENS),
    "prelu": (nn.PReLU(8), PIXELS),
    "leakyrelu": (nn.LeakyReLU(0.2), TOKENS),
    "cosine similarity": (Of(lambda m, x: F.cosine_similarity(x, x.tanh(), dim=-1)), TOKENS),
    "cosine similarity of vectors": (Of(lambda m, x: F.cosine_similarity(x, x.tanh())), (8,)),
    "distance": (Of(lambda m, x: F.pairwise_distance(x[:, 0], x[:, 1])), TOKENS),
    "places in a list": (Of(lambda m, x: x[:, [-1], :] + x[:, [2, 0, 1]].sum(1, True)), TOKENS),
    "one place written": (Of(lambda m, x: _written(x)), TOKENS),
    "one token": (nn.Embedding(20, 6), Example("input", (), torch.long)),
    "a word from the scores": (Of(lambda m, x: m.e(m.a(x).argmax(1)), a=nn.Linear(8, 20), e=nn.Embedding(20, 6)), (8,)),
    "prod": (Of(lambda m, x: x.prod(1) + x.unflatten(2, (4, 4)).prod(2).sum((1, 2))[:, None] + x[:, 0, :2].prod(1)[:, None]), TOKENS),
    "grucell": (Of(lambda m, x: m.c(x[:, 0], m.c(x[:, 1])), c=nn.GRUCell(16, 5)), TOKENS),
    "lstmcell": (Of(lambda m, x: m.c(x[:, 0], m.c(x[:, 1]))[0], c=nn.LSTMCell(16, 5)), TOKENS),
    "rnncell": (nn.RNNCell(8, 5, nonlinearity="relu"), (8,)),
    "softmax": (nn.Softmax(dim=-1), TOKENS),
    "clamp": (Of(lambda m, x: x.clamp(-1, 2) + x.clamp(min=0) + x.clamp(max=3)), PIXELS),
    "gelu": (nn.GELU(approximate="tanh"), TOKENS),
    "glu": (nn.GLU(dim=1), PIXELS),
    "maxpool": (nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True), PIXELS),
    "avgpool": (nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), PIXELS),
    "adaptiveavgpool": (nn.AdaptiveAvgPool2d((2, None)), PIXELS),
    "upsample": (nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True), PIXELS),
    "resize": (Of(lambda m, x: F.interpolate(x, size=(7, 9), mode="bicubic")), PIXELS),
    "pixelshuffle": (nn.PixelShuffle(2), PIXELS),
    "unfold": (nn.Sequential(nn.Unfold(3, padding=1), nn.Fold((12, 10), 3, padding=1)), PIXELS),
    "windows along an axis": (
        Of(lambda m, x: x.unfold(2, 6, 3).unfold(3, 5, 5) + x[:, :, :3, :2, None, None]),
        PIXELS,
    ),
    "pad": (Of(lambda m, x: F.pad(x, (0, 0, 1, 2), value=-3.0)), PIXELS),
    "slice": (Of(lambda m, x: x[:, 1:5, None, ..., ::2] * x[..., -1:].unsqueeze(2)[:, 1:5]), PIXELS),
    "select": (Of(lambda m, x: x[:, 0] + x[:, -1]), TOKENS),
    "chunk": (Of(lambda m, x: torch.mul(*x.chunk(2, dim=-1))), TOKENS),
    "split": (Of(lambda m, x: torch.cat(x.split([3, 13], -1)[::-1], -1)), TOKENS),
    "unbind": (Of(lambda m, x: sum(x.view(-1, 12, 4, 4).unbind(2))), TOKENS),
    "stack": (Of(lambda m, x: torch.stack([x, x * 2], 1).flatten(1, 2)), TOKENS),
    "permute": (Of(lambda m, x: x.permute(0, 2, 3, 1).flatten(1, 2).mT), PIXELS),
    "repeat": (Of(lambda m, x: x.repeat(1, 2, 1).repeat_interleave(3, dim=2)), TOKENS),
    "expand": (Of(lambda m, x: torch.cat([m.token.expand(len(x), -1, -1), x], 1), token=parameter(1, 1, 16)), TOKENS),
    "positions": (Of(lambda m, x: x + m.table[:, : x.shape[1]], table=parameter(1, 20, 16)), TOKENS),
    "roll": (Of(lambda m, x: x.roll((1, -2), (2, 3)).flip(1)), PIXELS),
    "windows": (
        Of(lambda m, x: m.map(x.view(-1, 8, 3, 4, 10).permute(0, 2, 3, 4, 1).flatten(0, 1)), map=nn.Linear(8, 3)),
        PIXELS,
    ),
    "conv on windows": (
        Of(lambda m, x: m.conv(x.view(len(x) * 4, 2, 12, 10)).view(len(x), 12, 12, 10), conv=nn.Conv2d(2, 3, 3, padding=1)),
        PIXELS,
    ),
    "arithmetic": (Of(lambda m, x: (1 - x) / 2 + 3 / (x**2 + 1) - x**0.5), TOKENS),
    "vectors": (Of(lambda m, x: x * m.scale + m.shift, scale=parameter(16), shift=parameter(16)), TOKENS),
    "channels": (Of(lambda m, x: x * m.scale, scale=parameter(8, 1, 1)), PIXELS),
    "one number": (Of(lambda m, x: x * m.scale, scale=parameter(1)), PIXELS),
    "in place": (Of(lambda m, x: x.clone().add_(1).mul_(x).relu_()), PIXELS),
    "assigned": (Of(lambda m, x: _set(x)), TOKENS),
    "matmul": (Of(lambda m, x: (x @ x.transpose(1, 2)).softmax(-1) @ x), TOKENS),
    "matmul with a parameter": (Of(lambda m, x: x @ m.w, w=parameter(16, 7)), TOKENS),
    "einsum": (Of(lambda m, x: torch.einsum("bnc,bmc->bnm", x, x)), TOKENS),
    "sum over all": (Of(lambda m, x: x.sum((1, 2))), TOKENS),
    "var": (Of(lambda m, x: x.var(-1, keepdim=True, unbiased=False) + x.std(1, keepdim=True)), TOKENS),
    "max": (Of(lambda m, x: x.max(dim=1)[0] + x.amax(1) - x.amin(1)), TOKENS),
    "norm": (Of(lambda m, x: x / x.norm(dim=-1, keepdim=True)), TOKENS),
    "lstm": (Of(lambda m, x: m.rnn(x)[0], rnn=nn.LSTM(16, 5, 2, batch_first=True, bidirectional=True)), TOKENS),
    "gru": (Of(lambda m, x: m.rnn(x)[0][:, -1], rnn=nn.GRU(16, 5, batch_first=True)), TOKENS),
    "sdpa": (Of(lambda m, x: F.scaled_dot_product_attention(x, x, x, is_causal=True)), TOKENS),
    "sdpa with a bias": (
        Of(lambda m, x: F.scaled_dot_product_attention(x[:, None], x[:, None], x[:, None], m.b), b=parameter(1, 1, 12, 12)),
        TOKENS,
    ),
    "multihead attention": (
        Of(lambda m, x: m.attention(x, x, x)[0], attention=nn.MultiheadAttention(16, 4, batch_first=True)),
        TOKENS,
    ),
    "transformer": (nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), TOKENS),
    "steps first": (
        Of(lambda m, x: m.layer(x.transpose(0, 1)).transpose(0, 1), layer=nn.TransformerEncoderLayer(16, 2, 8)),
        TOKENS,
    ),
    "constants": (Of(lambda m, x: x + torch.arange(12.0, device=x.device)[:, None]), TOKENS),
    "groups of a layer twice": (Of(lambda m, x: m.map(m.map(x)), map=nn.Linear(16, 16)), TOKENS),
}  # fmt: skip


def _set(x):
    x = x.clone()
    x[:, 2:5, 1:] = x[:, 2:5, 1:] * 2
    return x


@pytest.mark.parametrize("name", ONE)
def test_each_call(name):
    module, *inputs = ONE[name]
    reading = read(module, *inputs)
    assert reading.comparison.equal, "\n".join(reading.comparison.lines(name))
    assert not reading.comparison.declared, reading.text
    assert not reading.comparison.unreached


def test_two_inputs():
    module = Of(lambda m, x, y: m.a(x) * m.b(y), a=nn.Linear(16, 3), b=nn.Linear(5, 3))
    reading = read(module, (16,), Example("input1", (5,)))
    assert reading.comparison.equal
    assert "input: {input: [16], input1: [5]}" in reading.text


def test_several_outputs():
    reading = read(Of(lambda m, x: {"a": m.a(x), "b": x.mean(1)}, a=nn.Linear(16, 3)), TOKENS)
    assert reading.comparison.outputs == ([[12, 3], [16]], [[12, 3], [16]])
    assert reading.comparison.equal


def test_what_the_language_lacks_is_opaque_and_told():
    reading = read(Of(lambda m, x: torch.fft.rfft(m.map(x)).abs(), map=nn.Linear(16, 8)), TOKENS)
    assert reading.comparison.equal
    ((line, what),) = reading.comparison.declared
    assert what == "fft rfft"
    assert "opaque" in reading.text.splitlines()[line - 1]


def test_parameters_that_nothing_reads_are_told():
    module = nn.Sequential(nn.Linear(16, 4))
    module.head = None
    module.spare = parameter(3, 5)
    reading = read(Of(lambda m, x: m.a(x), a=nn.Linear(16, 4), spare=parameter(3, 5)), TOKENS)
    assert reading.comparison.unreached == {"spare": 15}
    assert "15 parameters are not read" in "\n".join(reading.comparison.lines("net"))


def test_training_has_what_only_training_does():
    def forward(m, x):
        y = m.map(x)
        if m.training:
            kept = y.new_empty(len(y), 1, 1).bernoulli_(0.75)
            y = y * kept.div_(0.75)
        return F.dropout(x + y, 0.1, m.training) + (m.spare(x) if m.training else 0)

    module = Of(forward, map=nn.Linear(16, 16), spare=nn.Linear(16, 16))
    text = read(module, TOKENS, train=True).text
    assert "droppath 0.25" in text
    assert "dropout 0.1" in text
    plain = read(module, TOKENS)
    assert plain.comparison.unreached == {"spare.weight": 256, "spare.bias": 16}
    assert "drop" not in plain.text.replace("dropout 0.1", "")


def test_arguments_go_by_their_names():
    """Shapes, parts and factors, as functions and methods of PyTorch call them."""

    def forward(m, x):
        x = torch.flatten(x, start_dim=1, end_dim=2).unflatten(dim=1, sizes=(8, 12))
        a, b = x.chunk(chunks=2, dim=1)
        c, d = torch.split(a, split_size_or_sections=2, dim=1)
        x = torch.cat([c.expand(size=c.shape), d, b.squeeze(dim=0)], dim=1)
        x = torch.unsqueeze(x, dim=0).squeeze(0).swapaxes(axis0=2, axis1=3)
        x = F.pixel_unshuffle(F.pixel_shuffle(x, upscale_factor=2), downscale_factor=2)
        return torch.max(m.c(x), other=x).flip(dims=(3,)).requires_grad_()

    reading = read(Of(forward, c=nn.Conv2d(8, 8, 1)), (8, 12, 10))
    assert reading.comparison.equal
    assert not reading.comparison.declared, list(reading.comparison.lines("net"))


def test_a_vector_beside_one_number_for_each_row():
    """Distances to rows of a table, of positions that were joined with the samples, as codebooks have them."""

    def forward(m, x):
        flat = x.reshape(-1, 16)
        return (flat.pow(2).sum(1, keepdim=True) + m.t.weight.pow(2).sum(1) - 2 * flat @ m.t.weight.t()).argmin(1)

    reading = read(Of(forward, t=nn.Embedding(24, 16)), (12, 16))
    assert reading.comparison.equal
    assert not reading.comparison.declared, list(reading.comparison.lines("net"))


def test_positions_joined_with_the_samples_are_repeated_in_place():
    module = Of(
        lambda m, x: m.l(x.reshape(-1, 16).repeat_interleave(3, dim=0)).view(len(x), 12, 3, 16), l=nn.Linear(16, 16)
    )
    reading = read(module, TOKENS)
    assert reading.comparison.equal
    assert not reading.comparison.declared


def test_a_truth_is_a_factor():
    reading = read(Of(lambda m, x: m.l(x) * True + x * False, l=nn.Linear(16, 16)), TOKENS)
    assert reading.comparison.equal
    assert not reading.comparison.declared


def test_a_difference_is_told():
    reading = read(nn.Linear(16, 4), TOKENS)
    reading.comparison.params = 1, 2
    assert not reading.comparison.equal
    assert "1 parameters here, 2 in PyTorch" in next(iter(reading.comparison.lines("net")))


def test_the_module_stays_as_it_is():
    module = Of(lambda m, x: m.keep(x), keep=nn.BatchNorm1d(16))
    module.cache = {}
    module.function = lambda m, x: m.cache.setdefault(x.shape, m.keep(x))
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    read(module, (16,))
    assert module.training
    assert module.cache == {}
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
    assert all(one.requires_grad for one in module.parameters())


@pytest.mark.parametrize("seed", range(6))
def test_drawn_networks(seed):
    """Stacks of residual blocks, of drawn widths and depths, come out with their counts."""
    draw = random.Random(seed)
    width, size = draw.choice([8, 12, 16]), draw.choice([9, 14])
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1)]
    for _ in range(draw.randint(1, 4)):
        kernel = draw.choice([1, 3, 5])
        inner = width * draw.choice([1, 2, 4])
        body = nn.Sequential(
            nn.Conv2d(width, inner, kernel, padding=kernel // 2, bias=draw.random() < 0.5),
            draw.choice([nn.BatchNorm2d(inner), nn.GroupNorm(2, inner), nn.Identity()]),
            draw.choice([nn.ReLU(inplace=True), nn.SiLU(), nn.GELU()]),
            nn.Conv2d(inner, width, 1),
        )
        layers.append(Of(lambda m, x: x + m.body(x), body=body))
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 7)]
    reading = read(nn.Sequential(*layers), (3, size, size))
    assert reading.comparison.equal
    assert not reading.comparison.declared
    assert reading.comparison.outputs[0] == [[7]]


@pytest.mark.parametrize(
    "module",
    [
        nn.LSTM(10, 6, 2, batch_first=True, bidirectional=True),
        nn.GRU(10, 6, 2, bias=False),
        nn.LSTM(10, 8, 3, proj_size=4, batch_first=True),
        nn.RNN(10, 6, nonlinearity="relu"),
    ],
)
@pytest.mark.parametrize("steps", [1, 2, 3, 7])
def test_steps_of_a_recurrent_module_are_counted_as_pytorch_does(module, steps):
    module, x = without_numbers(module), torch.empty(2, steps, 10, device="meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        given = module(x)
    found = record(module, [("input", x, False)])
    assert found.run.macs == counter.get_total_flops() // 2
    assert [one.shape for _, one in by_name(found.out)] == [one.shape for _, one in by_name(given)]


def test_a_transposed_convolution_of_other_channels_is_refused():
    with pytest.raises(RequestError, match="has 8 input channels, not 3"):
        read(nn.ConvTranspose2d(8, 4, 3), (3, 5, 5))


def test_a_loop_over_experts_is_told_what_to_write():
    def forward(m, x):
        chosen = m.gate(x).argmax(-1)
        for index, expert in enumerate(m.experts):
            if (chosen == index).any():
                x = x + expert(x)
        return x

    module = Of(forward, gate=nn.Linear(16, 4), experts=nn.ModuleList(nn.Linear(16, 16) for _ in range(4)))
    with pytest.raises(RequestError, match=r"`experts` is a mixture of experts.*experts: 4"):
        read(module, TOKENS)


def test_what_no_gradient_goes_through_is_said():
    module = Of(lambda self, x: (y := self.a(x)) + (y.sign() - y).detach(), a=nn.Linear(6, 4))
    found = read(module, (6,))
    assert "opaque" not in found.text
    assert "detach" in found.text
