"""Recurrent language models of specs/ beside their papers' equations in plain PyTorch: the same values and gradients."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from archcalc.diagnostics import Source
from archcalc.network.load import build_graph, load_graph
from archcalc.pytorch.instance import instantiate
from tests.layers.test_selective_scan import closed_form
from tests.layers.values import difference

Take = Callable[[], Tensor]
SIZES = {"vocab": 11, "width": 8, "depth": 2, "seq": 4}


class Written(nn.Module):
    """A function of token ids and constants that takes weights one after the other, of the shapes of `module`'s."""

    def __init__(self, function: Callable[..., Tensor], module: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.weights = nn.ParameterList([nn.Parameter(torch.zeros_like(one)) for one in module.parameters()])
        for index, one in enumerate(module.buffers()):
            self.register_buffer(f"constant{index}", one)

    def forward(self, ids: Tensor) -> Tensor:
        rest = iter(self.weights)
        result = self.function(lambda: next(rest), ids, *self.buffers())
        assert not list(rest), "weights that nothing reads"
        return result


def causal(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A depthwise convolution over the positions up to each."""
    kernel = weight.shape[-1]
    return F.conv1d(F.pad(x.transpose(1, 2), (kernel - 1, 0)), weight, bias, groups=len(weight)).transpose(1, 2)


def norm(x: Tensor, weight: Tensor) -> Tensor:
    return x * (x.square().mean(-1, keepdim=True) + 1e-5).rsqrt() * weight


def mamba(take: Take, ids: Tensor) -> Tensor:
    table, state, rank = take(), 3, 2
    x = table[ids]
    for _ in range(2):
        u, z = (norm(x, take()) @ take().T).chunk(2, -1)
        u = F.silu(causal(u, take(), take()))
        dt, b, c = (u @ take().T).split([rank, state, state], -1)
        dt = F.softplus(dt @ take().T + take())
        y = closed_form(u, dt, -take().exp(), b[:, :, None], c[:, :, None].expand(-1, -1, u.shape[-1], -1))
        x = x + ((y + u * take()) * F.silu(z)) @ take().T
    return norm(x, take()) @ table.T


def mamba2(take: Take, ids: Tensor) -> Tensor:
    table, state, heads = take(), 3, 4
    x = table[ids]
    for _ in range(2):
        inner = 2 * x.shape[-1]
        z, u, dt = (norm(x, take()) @ take().T).split([inner, inner + 2 * state, heads], -1)
        u, b, c = F.silu(causal(u, take(), take())).split([inner, state, state], -1)
        dt = F.softplus(dt + take()).repeat_interleave(inner // heads, -1)
        a, d = (take().repeat_interleave(inner // heads) for _ in range(2))
        y = closed_form(u, dt, -a.exp()[:, None], b[:, :, None], c[:, :, None].expand(-1, -1, inner, -1))
        x = x + norm((y + u * d) * F.silu(z), take()) @ take().T
    return norm(x, take()) @ table.T


def rwkv7(take: Take, ids: Tensor) -> Tensor:
    """Its state goes on by S (diag(w) − κᵀ(a ⊙ κ)) + vᵀ k."""
    heads = 2

    def layernorm(x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], take(), take())

    def shift(x: Tensor) -> Tensor:
        return torch.cat([torch.zeros_like(x[:, :1]), x[:, :-1]], 1) - x

    def apart(x: Tensor) -> Tensor:
        return x.unflatten(-1, (heads, -1))

    def time(x: Tensor, xx: Tensor, v: Tensor) -> Tensor:
        r = apart((x + xx * take()) @ take().T)
        fades = (((x + xx * take()) @ take().T).tanh() @ take().T + take()).sigmoid()
        w = apart((-math.exp(-0.5) * fades).exp())
        k = (x + xx * take()) @ take().T
        a = ((x + xx * take()) @ take().T @ take().T + take()).sigmoid()
        g = ((x + xx * take()) @ take().T).sigmoid() @ take().T
        kk = F.normalize(apart(k * take()), dim=-1)
        k, a, v = apart(k * (1 + (a - 1) * take())), apart(a), apart(v)
        s, ys = x.new_zeros(len(x), heads, 4, 4), []
        for t in range(x.shape[1]):
            change = torch.diag_embed(w[:, t]) - kk[:, t, :, :, None] * (a * kk)[:, t, :, None]
            s = s @ change + v[:, t, :, :, None] * k[:, t, :, None]
            ys.append((s @ r[:, t, :, :, None]).squeeze(-1))
        y = torch.stack(ys, 1).flatten(2)
        y = F.group_norm(y.flatten(0, 1), heads, take(), take(), 64e-5).view(y.shape)
        y = y + ((r * k * take()).sum(-1, keepdim=True) * v).flatten(2)
        return (y * g) @ take().T

    def channel(x: Tensor) -> Tensor:
        x = layernorm(x)
        return ((x + shift(x) * take()) @ take().T).relu().square() @ take().T

    x, first = layernorm(take()[ids]), None
    for index in range(2):
        given = layernorm(x)
        xx = shift(given)
        mixed = given + xx * take()
        v = mixed @ take().T
        if index:
            v = v + (first - v) * (mixed @ take().T @ take().T + take()).sigmoid()
        else:
            first = v
        x = x + time(given, xx, v)
        x = x + channel(x)
    return layernorm(x) @ take().T


def retnet(take: Take, ids: Tensor, *heads_of: Tensor) -> Tensor:
    """The parallel form: (Q Kᵀ ⊙ D) V, where D falls with the distance; `heads_of` each layer are 0, 1, ..."""
    heads = 2
    x = take()[ids]
    steps, width = x.shape[1:]
    distance = torch.arange(steps)[:, None] - torch.arange(steps)
    half = width // heads // 2
    angle = torch.arange(steps)[:, None] * 10000.0 ** -(torch.arange(half, dtype=torch.float64) / half)

    def turned(x: Tensor) -> Tensor:
        one, other = x.unflatten(-1, (heads, -1)).transpose(1, 2).chunk(2, -1)
        cos, sin = angle.cos(), angle.sin()
        return torch.cat([one * cos - other * sin, other * cos + one * sin], -1)

    for number in heads_of:
        gamma = 1 - 2.0 ** (-5 - number)[:, None, None]
        fade = torch.where(distance < 0, 0, gamma ** distance.clamp(min=0))
        u = F.layer_norm(x, x.shape[-1:], take(), take())
        q, k = turned(u @ take().T), turned(u @ take().T)
        v = (u @ take().T).unflatten(-1, (heads, -1)).transpose(1, 2)
        y = F.layer_norm(((q @ k.transpose(2, 3)) * fade) @ v, v.shape[-1:]).transpose(1, 2).flatten(2)
        x = x + (y * F.silu(u @ take().T)) @ take().T
        u = F.layer_norm(x, x.shape[-1:], take(), take())
        x = x + F.gelu(u @ take().T + take()) @ take().T + take()
    return F.layer_norm(x, x.shape[-1:], take(), take()) @ take().T


def xlstm(take: Take, ids: Tensor) -> Tensor:
    """The parallel form of the matrix memory: scores decay by the forget gates in between."""
    heads = 2

    def norm(x: Tensor, weight: Tensor) -> Tensor:
        return x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * weight

    def apart(x: Tensor) -> Tensor:
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    x = take()[ids]
    for _ in range(2):
        u = norm(x, take())
        q, k, v = (apart(u @ take().T) for _ in range(3))
        o = (u @ take().T).sigmoid()
        i, f = ((15 * ((u @ take().T + take()) / 15).tanh()).transpose(1, 2) for _ in range(2))
        kept = F.logsigmoid(f).cumsum(-1)
        steps = kept.shape[-1]
        later = torch.ones(steps, steps, dtype=torch.bool).triu(1)
        logs = (kept[..., None] - kept[..., None, :] + i[..., None, :]).masked_fill(later, -torch.inf)
        most = torch.maximum(logs.amax(-1, keepdim=True), kept[..., None])
        scores = (q @ k.transpose(2, 3)) * k.shape[-1] ** -0.5 * (logs - most).exp()
        y = scores @ v / (torch.maximum(scores.sum(-1, keepdim=True).abs(), (-most).exp()) + 1e-6)
        y = F.layer_norm(y, y.shape[-1:], eps=1e-6).transpose(1, 2).flatten(2) * take()
        x = x + (o * y) @ take().T
        u = norm(x, take())
        x = x + (F.silu(u @ take().T) * (u @ take().T)) @ take().T
    y = norm(x, take()) @ take().T
    return 30 * (y / 30).tanh()


def turned(x: Tensor, dim: int) -> Tensor:
    """Rotary positions of the first `dim` features."""
    angles = torch.outer(torch.arange(x.shape[-2]), 10000.0 ** -(torch.arange(0, dim, 2) / dim))
    a, b, rest = x.split([dim // 2, dim // 2, x.shape[-1] - dim], -1)
    return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin(), rest], -1)


def recurrentgemma(take: Take, ids: Tensor) -> Tensor:
    """Griffin: the recurrence of section 2.4 step by step, and attention to the two positions before."""
    heads, table = 2, take()
    x = table[ids] * table.shape[1] ** 0.5
    steps = ids.shape[1]

    def rms(x: Tensor) -> Tensor:
        return x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * take()

    def linear(x: Tensor) -> Tensor:
        return x @ take().T + take()

    def gate(x: Tensor) -> Tensor:
        return (torch.einsum("bnhd,hde->bnhe", x.unflatten(-1, (heads, -1)), take()) + take()).flatten(2).sigmoid()

    def apart(x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, table.shape[1] // heads)).transpose(1, 2)

    def mlp(x: Tensor) -> Tensor:
        u = rms(x)
        gated = F.gelu(linear(u), approximate="tanh")
        return x + linear(gated * linear(u))

    for index in range(5):
        u = rms(x)
        if index == 2:
            q, k, v = (apart(u @ take().T) for _ in range(3))
            seen = torch.ones(steps, steps).tril().triu(-2).bool()
            y = F.scaled_dot_product_attention(turned(q, 2), turned(k, 2).expand_as(q), v.expand_as(q), seen)
            x = mlp(x + linear(y.transpose(1, 2).flatten(2)))
            continue
        y = F.gelu(linear(u), approximate="tanh")
        u = causal(linear(u), take(), take())
        rate = -8 * F.softplus(take())
        i, r = gate(u), gate(u)
        a = (rate * r).exp()
        scaled = i * u * torch.cat([torch.ones_like(a[:, :1]), (1 - a[:, 1:] ** 2).sqrt()], 1)
        h, found = torch.zeros_like(u[:, 0]), []
        for t in range(steps):
            h = a[:, t] * h + scaled[:, t]
            found.append(h)
        x = mlp(x + linear(torch.stack(found, 1) * y))
    return 30 * (rms(x) @ table.T / 30).tanh()


def hyena(take: Take, ids: Tensor, *counts: Tensor) -> Tensor:
    """Section 3: the long convolution by a Fourier transform."""
    table = take()
    x, width, steps = table[ids], table.shape[1], ids.shape[1]

    def normed(x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], take(), take())

    def linear(x: Tensor) -> Tensor:
        return x @ take().T + take()

    for layer in range(2):
        places, waves, channels = counts[3 * layer : 3 * layer + 3]  # each 0, 1, ... in the spec
        t = places[:, None] / steps
        u = linear(normed(x))
        gate, k, v = causal(u, take(), take()).chunk(3, -1)
        angles = 2 * math.pi * t * (waves + 1)
        h = torch.cat([t, angles.cos(), angles.sin()], 1)
        for _ in range(2):
            h = (10 * linear(h)).sin()
        h = h @ take().T * (-5 * t * (1.5 - 1.2 * channels / (width - 1))).exp()
        v = k * v
        long = torch.fft.irfft(torch.fft.rfft(h, 2 * steps, 0) * torch.fft.rfft(v, 2 * steps, 1), 2 * steps, 1)[
            :, :steps
        ]
        x = x + linear(gate * (long + take() * v))
        x = x + linear(F.gelu(linear(normed(x))))
    return normed(x) @ table.T


def delta_net(take: Take, ids: Tensor) -> Tensor:
    """A gated delta net, equation 10 of the paper with S transposed: two heads of keys for four of values."""
    size, keys, values = 4, 2, 4
    x = take()[ids]

    def rms(x: Tensor) -> Tensor:
        return x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt() * take()

    u = rms(x)
    q, k, v, z = (u @ take().T).unflatten(-1, (keys, -1)).split([size, size, 2 * size, 2 * size], -1)
    b, a = (u @ take().T).unflatten(-1, (keys, -1)).split([2, 2], -1)
    mixed = torch.cat([one.flatten(2) for one in (q, k, v)], -1)
    mixed = F.silu(causal(mixed, take(), None))
    q, k, v = (one.unflatten(-1, (-1, size)) for one in mixed.split([keys * size, keys * size, values * size], -1))
    q, k = (F.normalize(one, dim=-1).repeat_interleave(2, 2) for one in (q, k))
    decay = (-F.softplus(a.flatten(2) + take()) * take().exp()).exp()
    s, found = torch.zeros(len(ids), values, size, size), []
    for t in range(ids.shape[1]):
        key, beta = k[:, t], b.flatten(2).sigmoid()[:, t, :, None]
        s = decay[:, t, :, None, None] * s
        new = beta * (v[:, t] - torch.einsum("bhkv,bhk->bhv", s, key))
        s = s + torch.einsum("bhk,bhv->bhkv", key, new)
        found.append(torch.einsum("bhkv,bhk->bhv", s, q[:, t]) * size**-0.5)
    y = rms(torch.stack(found, 1)) * F.silu(z.reshape(*ids.shape, values, size))
    return x + y.flatten(2) @ take().T


@pytest.mark.parametrize(
    ("function", "sizes"),
    [
        (mamba, {"state": 3, "rank": 2}),
        (mamba2, {"state": 3, "heads": 4}),
        (rwkv7, {"size": 4, "decays": 3, "rates": 2, "shares": 2, "gates": 3}),
        (retnet, {"heads": 2}),
        (xlstm, {"heads": 2, "hidden": 6}),
        (hyena, {"bands": 5, "hidden": 6}),
        (recurrentgemma, {"heads": 2, "kv_heads": 1, "ff": 12, "window": 3, "triples": 1}),
    ],
)
def test_equals_the_papers_equations(function: Callable[..., Tensor], sizes: dict[str, int]) -> None:
    given = {name: str(size) for name, size in (SIZES | sizes).items() if name != "depth" or "triples" not in sizes}
    graph = load_graph(f"specs/{function.__name__}.yaml", given=given, batch=2)
    assert not difference(graph, lambda: Written(function, instantiate(graph)), loose=function is retnet)


def test_a_gated_delta_net_is_its_equation() -> None:
    """Of Qwen3-Next's first layer what mixes positions, without the experts."""
    text = Path("specs/qwen3-next.yaml").read_text(encoding="utf-8")
    blocks = text.partition("  attentive:")[0]
    layers = "\nlayers:\n  - embedding vocab dim=width\n  - residual: [rmsnorm, delta_net]\n"
    sizes = {"vocab": 11, "width": 8, "key_heads": 2, "value_heads": 4, "size": 4, "seq": 4}
    given = {name: str(size) for name, size in sizes.items()}
    graph = build_graph(Source("t.yaml", blocks + layers), given=given, batch=2)
    assert not difference(graph, lambda: Written(delta_net, instantiate(graph)))
