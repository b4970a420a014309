"""The same weights in the module and in what its spec builds: the same outputs, for each thing that has weights."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from archcalc.diagnostics import RequestError
from archcalc.pytorch.capture.examples import Example, _parsed
from archcalc.pytorch.capture.outputs import _numbers, compare

from .test_beside import UNet
from .test_calls import Of, parameter, read
from .test_text import Attention, Layers, Mlp, entangled


def checked(module: nn.Module, *inputs):
    reading = read(module, *inputs)
    reading.real = lambda: copy.deepcopy(module)
    compare(reading)
    return reading.comparison


def trunk(width: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU())


class TiedHead(nn.Module):
    """A head that shares an embedding's table and has a bias of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.middle, self.head = nn.Embedding(30, 8), nn.Linear(8, 8), nn.Linear(8, 30)
        self.head.weight = self.table.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.middle(self.table(x)))


def written(m, x):
    """Writes into views, which are part of the tensor afterwards, and a bias of which a part is zeros."""
    y, bias = m.a(x), m.b.clone()
    bias[2:4].zero_()
    y[:, 1:3] += 1
    last = y[:, 3:]
    last.tanh_()
    y.view(-1).relu_()
    return y + bias


def own_filters(m, x):
    """Filters that each sample mixes for itself, in groups; then those of a transposed convolution that it scales."""
    batch, found = len(x), m.a(x.mean((2, 3)))
    filters = (found.view(batch, 3, 1, 1, 1, 1) * m.w).sum(1).view(batch * 6, 4, 3, 3)
    y = F.conv2d(x.reshape(1, batch * 8, 5, 5), filters, groups=2 * batch).view(batch, 6, 3, 3)
    filters = (m.v * y.mean((2, 3)).view(batch, 6, 1, 1, 1)).view(batch * 6, 5, 2, 2)
    return F.conv_transpose2d(y.view(1, batch * 6, 3, 3), filters, stride=2, groups=batch).view(batch, 5, 6, 6)


NETWORKS = {
    "blocks and repeats": (nn.Sequential(*(Mlp(8) for _ in range(3)), nn.Linear(8, 16), Mlp(16), Mlp(16)), (5, 8)),
    "attention": (nn.Sequential(*(Attention(way=way) for way in ("fused", "three", "chunks", "mixed"))), (12, 16)),
    "attention without biases": (Attention(way="by hand", qkv_bias=False), (12, 16)),
    "attention with norms": (Attention(norm=True), (12, 16)),
    "attention with a table": (Attention(way="by hand", bias=True), (12, 16)),
    "multihead": (nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), (12, 16)),
    "steps first": (Of(lambda m, x: m.a(x.transpose(0, 1)), a=nn.GRU(8, 5, 2)), (6, 8)),
    "a vector": (Of(lambda m, x: ((y := m.a(x).tanh()) @ m.w).softmax(1)[..., None] * y, a=nn.Linear(8, 6), w=parameter(6)), (5, 8)),
    "written": (Of(written, a=nn.Linear(8, 8), b=parameter(8)), (5, 8)),
    "bags": (Of(lambda m, x: m.a(x) + m.b(x), a=nn.EmbeddingBag(20, 6), b=nn.EmbeddingBag(20, 6, mode="sum")), Example("x", (5,), torch.long)),
    "cells": (Of(lambda m, x: m.b(m.a(x[:, 0]), m.b(m.a(x[:, 1])))[0], a=nn.GRUCell(8, 5), b=nn.LSTMCell(5, 4)), (6, 8)),
    "slopes and distances": (Of(lambda m, x: F.pairwise_distance(y := m.a(x), m.b(y)) + F.cosine_similarity(x, y), a=nn.LeakyReLU(0.2), b=nn.Linear(8, 8)), (8,)),
    "states that start from zeros": (Of(lambda m, x: m.a(x, torch.zeros(1, len(x), 5))[0], a=nn.GRU(8, 5, batch_first=True)), (6, 8)),
    "filters of each sample": (Of(own_filters, a=nn.Linear(8, 3), w=parameter(3, 6, 4, 3, 3), v=parameter(1, 6, 5, 2, 2)), (8, 5, 5)),
    "three in one product": (Of(lambda m, x: torch.einsum("bld,dn,bln->bn", x, m.w, m.a(x)), a=nn.Linear(8, 4), w=parameter(8, 4)), (6, 8)),
    "a parameter in two shapes": (Of(lambda m, x: x * m.p + m.a(x) * (1 - m.p), a=nn.Linear(8, 8), p=parameter(1, 1, 8)), (6, 8)),
    "a state that is computed": (Of(lambda m, x: m.a(x, m.c(x.mean(1))[None].repeat(2, 1, 1))[0], a=nn.GRU(8, 5, 2, batch_first=True), c=nn.Linear(8, 5)), (6, 8)),
    "a state that is learned": (Of(lambda m, x: m.a(x, m.h.expand(-1, len(x), -1))[0], a=nn.RNN(8, 5, batch_first=True), h=parameter(1, 1, 5)), (6, 8)),
    "states that another layer left": (Of(lambda m, x: m.b(x, m.a(x)[1])[0], a=nn.LSTM(8, 5, batch_first=True), b=nn.LSTM(8, 5, batch_first=True)), (6, 8)),
    "blocks of several tensors": (UNet(), (3, 16, 16)),
    "shortcut": (Of(lambda m, x: m.long(x) + m.short(x), long=nn.Sequential(trunk(8), trunk(8)), short=nn.Conv2d(8, 8, 1)), (8, 6, 6)),
    "branches": (Of(lambda m, x: torch.cat([m.b(x), m.a(x), x], 1), a=trunk(8), b=nn.Conv2d(8, 3, 1)), (8, 6, 6)),
    "a part, again and again": (Of(lambda m, x: torch.cat([m.b((p := m.a(x).chunk(2, 1))[0]), p[1]], 1), a=nn.Conv2d(8, 16, 1), b=nn.Sequential(*(Of(lambda m, x: x + m.t(x), t=trunk(8)) for _ in range(3)))), (8, 6, 6)),
    "named": (Of(lambda m, x: m.c(m.b(y := m.a(x)) * y) + y, a=trunk(8), b=trunk(8), c=trunk(8)), (8, 6, 6)),
    "a block that reads its input by name": (entangled(), (8,)),
    "copies, each with its start named": (Layers(), (5, 8)),
    "weights the other way round": (Of(lambda m, x: torch.addmm(m.c, torch.addmm(m.b, x, m.w).relu(), m.v), w=parameter(8, 12), b=parameter(12), v=parameter(12, 12), c=parameter(12)), (8,)),
    "a weight the other way round twice": (Of(lambda m, x: torch.addmm(m.b, torch.addmm(m.b, x, m.w), m.w), w=parameter(8, 8), b=parameter(8)), (8,)),
    "a tied head with a bias": (TiedHead(), Example("input", (5,), torch.long)),
    "tied": (Of(lambda m, x: m.a(m.b(m.a(x))), a=nn.Linear(8, 8), b=nn.Linear(8, 8)), (5, 8)),
    "positions": (Of(lambda m, x: F.layer_norm(x + m.p, (8,), m.w) * m.g, p=parameter(1, 5, 8), w=parameter(8), g=parameter(8)), (5, 8)),
    "recurrent": (Of(lambda m, x: m.a(m.b(x)[0])[0], a=nn.LSTM(10, 4, batch_first=True), b=nn.GRU(8, 5, 2, batch_first=True, bidirectional=True)), (6, 8)),
    "depthwise": (nn.Sequential(nn.Conv2d(8, 8, 3, 2, 1, groups=8), nn.GroupNorm(2, 8), nn.PReLU(8), nn.Flatten(), nn.Linear(72, 3)), (8, 6, 6)),
}  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_equal(name):
    comparison = checked(*NETWORKS[name])
    assert comparison.checked.startswith("outputs equal"), comparison.checked
    assert comparison.equal


def test_tokens_are_compared_in_other_rows_than_the_first():
    net = Of(lambda m, x: m.t[torch.where(x > 0, 1, 0)].sum(1), t=parameter(2, 8), e=nn.Embedding(20, 6))
    reading = read(net, Example("input", (6,), torch.long))
    assert _numbers(reading.inputs[0], net).unique().numel() > 2


PLACES = {
    "positions that are counted": (lambda m, x: m.e((torch.cumsum((y := x.ne(1).int()), 1) * y).long() + 1) + m.a(x), "index 9, embedding 9 dim=6"),
    "entries along an axis": (lambda m, x: m.a(x).gather(1, torch.arange(4).flip(0)[None, :, None].repeat(len(x), 1, 6)), "takealongdim"),
    "of what is computed": (lambda m, x: torch.take_along_dim(y := m.a(x), y.argmax(1, keepdim=True).expand(-1, 5, -1), 1), "takealongdim"),
    "the same wherever it is taken": (lambda m, x: m.a(x) + torch.zeros(1, 9, 1).expand(len(x), -1, 1).gather(1, x[:, :, None]), "value=0"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_places_that_are_computed(name):
    function, word = PLACES[name]
    net, given = Of(function, a=nn.Embedding(9, 6), e=nn.Embedding(9, 6)), Example("input", (5,), torch.long)
    sizes = Example("input", (4,), torch.long) if name.startswith("entries") else given
    reading = read(net, sizes)
    assert word in reading.text
    assert "opaque" not in reading.text
    assert checked(net, sizes).checked.startswith("outputs equal")


def test_attention_of_maps_is_one_call():
    """Queries, keys and values of a convolution, features before positions, the scale taken before the scores."""

    def forward(m, x):
        q, k, v = (one.reshape(len(x), 2, 4, 30) for one in m.a(x).chunk(3, 1))
        weights = torch.einsum("bhdi,bhdj->bhij", q * 0.5, k)
        weights = (weights - weights.amax(-1, keepdim=True).detach()).softmax(-1)
        return torch.einsum("bhij,bhdj->bhid", weights, v).permute(0, 1, 3, 2).reshape(len(x), 8, 5, 6)

    module = Of(forward, a=nn.Conv2d(3, 24, 1))
    text = read(module, (3, 5, 6)).text
    assert "sdpa q=" in text
    assert "scale" not in text
    assert checked(module, (3, 5, 6)).checked.startswith("outputs equal")


@pytest.mark.parametrize("first", ["bhid,bhjd->bhij", "bihd,bjhd->bhij", "bjhd,bihd->bhij", "bihd,bjhd->bihj"])
def test_attention_by_einsum(first):
    """Heads first or positions first, keys before queries; the last one has its heads between, and stays as it is."""
    second = {"bhid": "bhij,bhjd->bhid", "bihd": "bhij,bjhd->bihd", "bjhd": "bjhd,bhij->bihd"}[first[:4]]

    def forward(m, x):
        q, k, v = (one.unflatten(-1, (4, 4)) for one in m.a(x).chunk(3, -1))
        q, k, v = (one.transpose(1, 2) for one in (q, k, v)) if first[1] == "h" else (q, k, v)
        pair = (k, q) if first[1] == "j" else (q, k)
        weights = (torch.einsum(first, *pair) / 2).softmax(-1)
        if first.endswith("bihj"):
            return m.b(torch.einsum("bihj,bjhd->bihd", weights, v).flatten(2))
        out = torch.einsum(second, *((v, weights) if first[1] == "j" else (weights, v)))
        return m.b((out.transpose(1, 2) if first[1] == "h" else out).flatten(2))

    module = Of(forward, a=nn.Linear(16, 48), b=nn.Linear(16, 16))
    assert ("attention 4" in read(module, (12, 16)).text) == (not first.endswith("bihj"))
    assert checked(module, (12, 16)).checked.startswith("outputs equal")


def steps_first(m, x):
    """Words of [steps, batch], and scores that are written into zeros, which are on the CPU."""
    table = torch.zeros(len(x), x.shape[1], 8)
    found, _ = m.rnn(m.words(x))
    for step in range(1, len(x)):
        table[step] = found[step] * 2
    return table, found.view(-1, 8)


def masked(m, x):
    """Attention over steps, which come first, with a mask of as many."""
    return m.a(m.words(x), mask=torch.ones(len(x), len(x)).tril().log())


def test_steps_that_are_samples_are_told_with_where_the_batch_is():
    words = nn.Embedding(20, 8)
    (note,) = read(
        Of(lambda m, x: m.a(m.words(x))[0], words=words, a=nn.GRU(8, 8)), _parsed("5:int", 0)
    ).comparison.notes
    assert note.startswith("The steps of `a` are samples of the batch: --input 5xbatch:int says where the batch is, or")
    module = Of(
        masked,
        words=words,
        a=nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 1, enable_nested_tensor=False),
    )
    with pytest.raises(RequestError, match=r"self_attn` are samples of the batch: --input 6xbatch:int says"):
        read(module, _parsed("6:int", 0))
    assert checked(module, _parsed("6xbatch:int", 0)).checked.startswith("outputs equal")


def test_a_batch_that_is_not_the_first_axis():
    module = Of(steps_first, words=nn.Embedding(20, 8), rnn=nn.LSTM(8, 8))
    comparison = checked(module, _parsed("5xbatch:int", 0))
    assert comparison.checked.startswith("outputs equal")
    assert comparison.outputs[0] == [[5, 8], [5, 8]]


def test_what_is_written_into_a_view_is_never_lost():
    def forward(m, x):
        y = m.a(x)
        y.transpose(1, 2).mul_(2)
        return y.sum(1)

    assert [what for _, what in checked(Of(forward, a=nn.Linear(8, 8)), (5, 8)).declared] == ["write into a view"]


def test_distributions_do_not_look_at_numbers():
    def forward(m, x):
        found = torch.distributions.Normal(m.a(x), 1.0)
        return found.log_prob(x).sum(1), found.entropy()

    assert checked(Of(forward, a=nn.Linear(8, 8)), (8,)).checked.startswith("outputs equal")
    with pytest.raises(ValueError, match="constraint"):
        torch.distributions.Normal(0.0, -1.0)


def test_what_is_no_number_on_either_side_is_no_difference():
    half = checked(Of(lambda m, x: m.a(x).sqrt(), a=nn.Linear(8, 8)), (8,))
    assert half.checked.startswith("outputs equal")
    none = checked(Of(lambda m, x: (-1 - x.square()).sqrt()), (8,))
    assert none.checked == "outputs are not compared: of random numbers, the module makes nothing but NaN"
    assert none.equal


def test_a_weight_both_ways_round_is_no_guess():
    both = Of(lambda m, x: F.linear(torch.addmm(m.b, x, m.w), m.w, m.b), w=parameter(8, 8), b=parameter(8))
    comparison = checked(both, (8,))
    assert comparison.equal
    assert comparison.declared


def test_a_difference_is_found():
    module = Of(lambda m, x: m.a(x), a=nn.Linear(8, 8))
    reading = read(module, (5, 8))
    reading.text = reading.text.replace("linear 8", "[linear 8, scale 1.001]")
    reading.real = lambda: copy.deepcopy(module)
    compare(reading)
    assert reading.comparison.checked.startswith("outputs differ by 0.001")
    assert not reading.comparison.equal


def test_a_recurrence_over_many_sequences_of_a_sample_is_opaque():
    def forward(m, x):
        return m.rnn(x.flatten(0, 1))[0].unflatten(0, x.shape[:2])

    comparison = checked(Of(forward, rnn=nn.LSTM(8, 4, batch_first=True)), (6, 5, 8))
    assert comparison.equal
    assert [what for _, what in comparison.declared] == ["LSTM"]


def test_what_cannot_be_compared_says_why():
    assert "an opaque layer has no code" in checked(Of(lambda m, x: torch.fft.rfft(x).abs()), (5, 8)).checked
    started = Of(lambda m, x: m.a(x, (x.new_ones(1, len(x), 5),) * 2)[0], a=nn.LSTM(8, 5, batch_first=True))
    assert "the spec lacks what changes values" in checked(started, (6, 8)).checked


def standardised(m: nn.Module, x: torch.Tensor) -> torch.Tensor:
    weight = F.batch_norm(m.a.weight.view(1, 6, -1), None, None, m.gain, training=True).view_as(m.a.weight)
    return F.conv2d(x, weight, m.a.bias)


class Masked(nn.Module):
    """Attention whose mask is put there, added, or handed on."""

    def __init__(self, way: str, seen: torch.Tensor):
        super().__init__()
        self.qkv, self.proj, self.way = nn.Linear(8, 24), nn.Linear(8, 8), way
        self.register_buffer("mask", seen.view(1, 1, 5, 5))

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        if self.way == "fused":
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask[0, 0] > 0)
        else:
            scores = q @ k.mT / 2
            if self.way == "filled":
                scores = scores.masked_fill(self.mask == 0, float("-inf"))
            elif self.way == "chosen":
                scores = torch.where(self.mask > 0, scores, -1e9)
            else:
                scores = scores + (1 - self.mask) * -1e9
            y = scores.softmax(-1) @ v
        return self.proj(y.transpose(1, 2).flatten(2))


@pytest.mark.parametrize("way", ["fused", "filled", "chosen", "added"])
@pytest.mark.parametrize(
    ("seen", "key"),
    [(torch.ones(5, 5).tril(), "causal=true"), (torch.block_diag(torch.ones(2, 2), torch.ones(3, 3)), "relbias=")],
)
def test_masks_are_causal_or_tables_of_attention(way, seen, key):
    module = Masked(way, seen)
    assert f"attention 2 {key}" in read(module, (5, 8)).text
    assert checked(module, (5, 8)).checked.startswith("outputs equal")


def masked_encoder(m: nn.Module, x: torch.Tensor) -> torch.Tensor:
    mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1], device=x.device)
    return m.layer(x, src_mask=mask)


COMPUTED = {
    "made in forward": (Of(lambda m, x: x + torch.arange(8.0, device=x.device).sin()), (5, 8)),
    "for each sample": (Of(lambda m, x: x + torch.arange(5.0, device=x.device).view(5, 1).repeat(len(x), 1, 8)), (5, 8)),
    "an index": (Of(lambda m, x: x + m.table[torch.arange(5).flip(0).to(x.device)], table=parameter(5, 8)), (5, 8)),
    "a mask of an encoder": (Of(masked_encoder, layer=nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)), (5, 8)),
    "chosen": (Of(lambda m, x: torch.where(torch.ones(5, 8, dtype=torch.bool, device=x.device).triu(), x, 0.5)), (5, 8)),
    "standardised": (Of(standardised, a=nn.Conv2d(8, 6, 3), gain=parameter(6)), (8, 6, 6)),
    "several": (nn.Sequential(*(Of(lambda m, x, i=i: m.a(x) + torch.arange(8.0, device=x.device) * i, a=nn.Linear(8, 8)) for i in range(3))), (5, 8)),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPUTED)
def test_constants_come_from_the_module(name):
    comparison = checked(*COMPUTED[name])
    assert comparison.checked.startswith("outputs equal"), comparison.checked
    assert comparison.notes
