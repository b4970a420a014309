"""Small modules for what torch.nn has none of. A class is copied into a generated file when it is used."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn


class PositionalEmbedding(nn.Module):
    """Adds a learned vector to each position: [..., positions, features]."""

    def __init__(self, length, features):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(length, features) * 0.02)

    def forward(self, x):
        return x + self.weight[: x.shape[-2]]


class SinusoidalPositions(nn.Module):
    """Adds sines and cosines of the position: [..., positions, features]."""

    def forward(self, x):
        length, features = x.shape[-2:]
        position = torch.arange(length, device=x.device, dtype=x.dtype)[:, None]
        index = torch.arange(features, device=x.device)
        angle = position * torch.exp(
            -math.log(10000.0) * (index // 2 * 2) / features
        ).to(x.dtype)
        return x + torch.where(index % 2 == 0, angle.sin(), angle.cos())


class ClassToken(nn.Module):
    """Puts a learned vector before the first position: [..., n, features] -> [..., n + 1, features]."""

    def __init__(self, features):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, features) * 0.02)

    def forward(self, x):
        return torch.cat([self.weight.expand(*x.shape[:-2], 1, -1), x], dim=-2)


class LearnedTensor(nn.Module):
    """A learned tensor, the same for every sample of the batch."""

    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape) * 0.02)

    def forward(self, batch):
        return self.weight.expand(batch, *self.weight.shape)


class LayerScale(nn.Module):
    """A learned factor for each feature; `axes` are the axes after it."""

    def __init__(self, features, init=1e-5, axes=0):
        super().__init__()
        self.axes = axes
        self.weight = nn.Parameter(torch.full((features,), init))

    def forward(self, x):
        return x * self.weight.view(-1, *[1] * self.axes)


class DropPath(nn.Module):
    """Zeroes whole samples in training (stochastic depth)."""

    def __init__(self, p=0.1):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        samples = x.new_ones(x.shape[0], *[1] * (x.dim() - 1))
        return x * F.dropout(samples, self.p)


class MultiHeadAttention(nn.MultiheadAttention):
    """Attention that returns no weights; `causal` hides what comes after, `window` what is further away."""

    def __init__(self, features, heads, causal=False, window=None, **options):
        super().__init__(features, heads, batch_first=True, **options)
        self.causal, self.window = causal, window

    def forward(self, x, memory=None, bias=None):
        memory = x if memory is None else memory
        lead, x, memory = x.shape[:-2], x.flatten(0, -3), memory.flatten(0, -3)
        mask = attention_mask(
            x.shape[-2], memory.shape[-2], self.causal, self.window, x.device
        )
        if bias is not None:
            if mask is not None:
                bias = bias.masked_fill(mask, float("-inf"))
            mask = bias.repeat_interleave(len(x) // len(bias), dim=0).flatten(0, 1)
        y = super().forward(x, memory, memory, attn_mask=mask, need_weights=False)[0]
        return y.unflatten(0, lead)


def attention_mask(queries, keys, causal, window, device):
    """True where a query may not look; None when it may look everywhere."""
    if not causal and window is None:
        return None
    distance = torch.arange(queries, device=device)[:, None] - torch.arange(
        keys, device=device
    )
    hidden = torch.zeros_like(distance, dtype=torch.bool)
    if causal:
        hidden |= distance < 0
    if window is not None:
        hidden |= distance.abs() >= window
    return hidden


class GroupedQueryAttention(nn.Module):
    """Attention whose keys and values have fewer heads, with rotary positions and the like."""

    def __init__(
        self,
        features,
        heads,
        kv_heads,
        head_dim,
        bias="qkvo",
        kv_features=None,
        causal=False,
        rope=None,
        rope_dim=None,
        window=None,
        softcap=None,
        qknorm=False,
        dropout=0.0,
    ):
        super().__init__()
        kv_features = kv_features or features
        self.heads, self.kv_heads, self.head_dim = heads, kv_heads, head_dim
        self.causal, self.window, self.softcap, self.dropout = (
            causal,
            window,
            softcap,
            dropout,
        )
        self.rope, self.rope_dim = rope, rope_dim
        self.q_proj = nn.Linear(features, heads * head_dim, bias="q" in bias)
        self.k_proj = nn.Linear(kv_features, kv_heads * head_dim, bias="k" in bias)
        self.v_proj = nn.Linear(kv_features, kv_heads * head_dim, bias="v" in bias)
        if qknorm:
            self.q_norm, self.k_norm = nn.RMSNorm(head_dim), nn.RMSNorm(head_dim)
        self.out_proj = nn.Linear(heads * head_dim, features, bias="o" in bias)

    def forward(self, x, memory=None, bias=None):
        memory = x if memory is None else memory
        q = self.q_proj(x).unflatten(-1, (self.heads, self.head_dim)).transpose(-2, -3)
        k = (
            self.k_proj(memory)
            .unflatten(-1, (self.kv_heads, self.head_dim))
            .transpose(-2, -3)
        )
        v = (
            self.v_proj(memory)
            .unflatten(-1, (self.kv_heads, self.head_dim))
            .transpose(-2, -3)
        )
        if hasattr(self, "q_norm"):
            q, k = self.q_norm(q), self.k_norm(k)
        if self.rope:
            q, k = (rotate(x, self.rope, self.rope_dim) for x in (q, k))
        k = k.repeat_interleave(self.heads // self.kv_heads, dim=-3)
        v = v.repeat_interleave(self.heads // self.kv_heads, dim=-3)
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.head_dim)
        if self.softcap:
            scores = self.softcap * torch.tanh(scores / self.softcap)
        if bias is not None:
            windows = [1] * (scores.dim() - bias.dim())
            scores = scores + bias.reshape(len(bias), *windows, *bias.shape[1:])
        hidden = attention_mask(
            q.shape[-2], k.shape[-2], self.causal, self.window, x.device
        )
        if hidden is not None:
            scores = scores.masked_fill(hidden, float("-inf"))
        weights = F.dropout(scores.softmax(dim=-1), self.dropout, self.training)
        return self.out_proj((weights @ v).transpose(-2, -3).flatten(-2))


def rotate(x, theta, size=None):
    """Rotary positions: turns pairs of the first `size` features by an angle that grows with the position."""
    half = (size or x.shape[-1]) // 2
    frequency = theta ** (
        -torch.arange(half, device=x.device, dtype=torch.float32) / half
    )
    angle = (
        torch.arange(x.shape[-2], device=x.device, dtype=torch.float32)[:, None]
        * frequency
    )
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    return torch.cat([a * cos - b * sin, a * sin + b * cos, rest], dim=-1)


class BucketPositionBias(nn.Module):
    """A learned score for each head and distance in buckets, near ones exact, far ones logarithmic (T5)."""

    def __init__(self, heads, buckets=32, furthest=128):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(buckets, heads) * 0.02)
        self.furthest = furthest

    def forward(self, batch, positions):
        device = self.weight.device
        distance = (
            torch.arange(positions, device=device)
            - torch.arange(positions, device=device)[:, None]
        )
        side = max(1, self.weight.shape[0] // 2)
        near = max(1, side // 2)
        far = near + (distance.abs().clamp(min=1) / near).log() / math.log(
            self.furthest / near
        ) * (side - near)
        bucket = torch.where(
            distance.abs() < near, distance.abs(), far.long().clamp(max=side - 1)
        )
        bucket = (bucket + side * (distance > 0)).clamp(max=self.weight.shape[0] - 1)
        return self.weight[bucket].permute(2, 0, 1).expand(batch, -1, -1, -1)


class DistanceBias(nn.Module):
    """A score that falls with the distance, in each head at a slope of its own (ALiBi)."""

    def __init__(self, heads):
        super().__init__()
        steps = 2 ** math.floor(math.log2(heads))
        slopes = [2 ** (-8 * (i + 1) / steps) for i in range(steps)]
        between = [2 ** (-4 * (2 * i + 1) / steps) for i in range(heads - steps)]
        self.register_buffer("slopes", torch.tensor(slopes + between))

    def forward(self, batch, positions):
        place = torch.arange(positions, device=self.slopes.device)
        distance = (place[:, None] - place).abs()
        table = -self.slopes[:, None, None] * distance
        return table.expand(batch, -1, -1, -1)


class WindowPositionBias(nn.Module):
    """A learned score for each head and displacement inside a window (Swin)."""

    def __init__(self, heads, height, width):
        super().__init__()
        self.height, self.width = height, width
        self.weight = nn.Parameter(
            torch.randn((2 * height - 1) * (2 * width - 1), heads) * 0.02
        )

    def forward(self, batch):
        device = self.weight.device
        row = torch.arange(self.height, device=device).repeat_interleave(self.width)
        column = torch.arange(self.width, device=device).repeat(self.height)
        down = row[:, None] - row + self.height - 1
        right = column[:, None] - column + self.width - 1
        return (
            self.weight[down * (2 * self.width - 1) + right]
            .permute(2, 0, 1)
            .expand(batch, -1, -1, -1)
        )


class MixtureOfExperts(nn.Module):
    """A router sends each position to its `top_k` experts; their outputs are added by the router's weights."""

    def __init__(self, features, experts, top_k):
        super().__init__()
        self.top_k = top_k
        self.experts = nn.ModuleList(experts)
        self.router = nn.Linear(features, len(experts), bias=False)

    def forward(self, x, *others):
        positions = x.flatten(0, -2)
        weights, chosen = (
            self.router(positions).softmax(dim=-1).topk(self.top_k, dim=-1)
        )
        weights = weights / weights.sum(dim=-1, keepdim=True)
        y = None
        for index, expert in enumerate(self.experts):
            token, slot = torch.where(chosen == index)
            sample = token * len(x) // len(positions)
            out = expert(positions[token], *(other[sample] for other in others))
            out = out * weights[token, slot, None]
            y = out.new_zeros(len(positions), out.shape[-1]) if y is None else y
            y = y.index_add(0, token, out)
        return y.unflatten(0, x.shape[:-1])


def tie_weights(module, other):
    """Gives `module` the parameters and buffers of `other`, which has the same layers."""
    for named in nn.Module.named_parameters, nn.Module.named_buffers:
        names = [name for name, _ in named(module, remove_duplicate=False)]
        for name, (_, tensor) in zip(names, named(other, remove_duplicate=False)):
            path, _, leaf = name.rpartition(".")
            setattr(module.get_submodule(path), leaf, tensor)
