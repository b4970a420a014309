"""Small modules for what torch.nn has none of. A class is copied into a generated file when it is used.

What no layer of the network asks for is left out (`archcalc.pytorch.trimming`). So that this can be
told from the text, a variable here is assigned once, and an option is a keyword argument whose
default switches it off.
"""

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
        rate = torch.exp(-math.log(10000.0) * (index // 2 * 2) / features)
        angle = position * rate.to(x.dtype)
        return x + torch.where(index % 2 == 0, angle.sin(), angle.cos())


class ClassToken(nn.Module):
    """Puts a learned vector first: [..., n, features] -> [..., n + 1, features]."""

    def __init__(self, features):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(1, features) * 0.02)

    def forward(self, x):
        return torch.cat([self.weight.expand(*x.shape[:-2], 1, -1), x], dim=-2)


class LearnedTensor(nn.Module):
    """A learned tensor, the same for every sample: [1, ...]."""

    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape) * 0.02)

    def forward(self):
        return self.weight[None]


class Constant(nn.Module):
    """Numbers that are the same for every sample and are not learned."""

    def __init__(self, value, persistent=False):
        super().__init__()
        self.register_buffer("value", value, persistent=persistent)

    def forward(self):
        return self.value[None]


class Opaque(nn.Module):
    """A part that the spec declares and does not describe: put the real one in its place."""

    def __init__(self, what, *sizes, params=0, buffers=0):
        super().__init__()
        self.what = what
        self.sizes = sizes
        if params:
            self.declared = nn.Parameter(torch.zeros(params))
        if buffers:
            self.register_buffer("stored", torch.zeros(buffers))

    def forward(self, *inputs):
        raise NotImplementedError(f"{self.what}: the spec gives its shape alone")


class LayerScale(nn.Module):
    """A learned factor for each feature; `axes` are the axes after it."""

    def __init__(self, features, init=1e-05, axes=0):
        super().__init__()
        self.axes = axes
        self.weight = nn.Parameter(torch.full((features,), init))

    def forward(self, x):
        return x * (
            self.weight.view(-1, *[1] * self.axes) if self.axes else self.weight
        )


class FrozenBatchNorm(nn.Module):
    """Normalises each channel by stored statistics, none of which is trained; `axes` are the axes after the channels."""

    def __init__(self, channels, eps=1e-05, axes=2):
        super().__init__()
        self.eps = eps
        self.axes = axes
        self.register_buffer("weight", torch.ones(channels))
        self.register_buffer("bias", torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x):
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        shape = [-1, *[1] * self.axes]
        return x * scale.view(shape) + shift.view(shape)


class DropPath(nn.Module):
    """Zeroes whole samples in training (stochastic depth)."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        samples = x.new_ones(x.shape[0], *[1] * (x.dim() - 1))
        return x * F.dropout(samples, self.p)


class MultiHeadAttention(nn.MultiheadAttention):
    """Attention that returns no weights; `causal` hides what comes after; `window` hides what is further away."""

    def __init__(self, features, heads, causal=False, window=None, **options):
        super().__init__(features, heads, batch_first=True, **options)
        self.causal = causal
        self.window = window

    def forward(self, x, key=None, value=None, bias=None):
        if x.dim() > 3:
            return self.forward(
                x.flatten(0, -3),
                key.flatten(0, -3) if key is not None else None,
                value.flatten(0, -3) if value is not None else None,
                bias,
            ).unflatten(0, x.shape[:-2])
        k = key if key is not None else x
        v = value if value is not None else k
        masked = self.causal or self.window or bias is not None
        mask = score_mask(x, k, self.causal, self.window, bias) if masked else None
        each = mask.flatten(0, 1) if bias is not None else mask
        return super().forward(x, k, v, attn_mask=each, need_weights=False)[0]


class GroupedQueryAttention(nn.Module):
    """Attention in which several heads may share keys and values; `rope` is the base of rotary positions; `rope_dim` is how many elements rotate; `causal` hides what comes after; `window` hides what is further away; `softcap` bounds the scores; `qknorm` normalises queries and keys."""

    def __init__(
        self,
        features,
        heads,
        kv_heads,
        head_dim,
        bias="qkvo",
        key_features=None,
        value_features=None,
        out_features=None,
        causal=False,
        rope=None,
        rope_dim=None,
        window=None,
        softcap=None,
        qknorm=False,
        dropout=0.0,
    ):
        super().__init__()
        self.head_dim = head_dim
        self.causal = causal
        self.rope = rope
        self.rope_dim = rope_dim
        self.window = window
        self.softcap = softcap
        self.qknorm = qknorm
        self.dropout = dropout
        self.q_proj = nn.Linear(features, heads * head_dim, bias="q" in bias)
        self.k_proj = nn.Linear(
            key_features or features, kv_heads * head_dim, bias="k" in bias
        )
        self.v_proj = nn.Linear(
            value_features or features, kv_heads * head_dim, bias="v" in bias
        )
        if qknorm:
            self.q_norm = nn.RMSNorm(head_dim)
            self.k_norm = nn.RMSNorm(head_dim)
        self.out_proj = nn.Linear(
            heads * head_dim, out_features or features, bias="o" in bias
        )

    def forward(self, x, key=None, value=None, bias=None):
        if x.dim() > 3:
            return self.forward(
                x.flatten(0, -3),
                key.flatten(0, -3) if key is not None else None,
                value.flatten(0, -3) if value is not None else None,
                bias,
            ).unflatten(0, x.shape[:-2])
        keys = key if key is not None else x
        values = value if value is not None else keys
        q = self.split(self.q_proj(x))
        k = self.split(self.k_proj(keys))
        v = self.split(self.v_proj(values))
        if self.qknorm:
            q = self.q_norm(q)
            k = self.k_norm(k)
        if self.rope:
            q = rotate(q, self.rope, self.rope_dim)
            k = rotate(k, self.rope, self.rope_dim)
        masked = self.window or bias is not None or (self.softcap and self.causal)
        mask = score_mask(q, k, self.causal, self.window, bias) if masked else None
        dropout = self.dropout if self.training else 0.0
        y = (
            capped_attention(q, k, v, mask, self.softcap, dropout)
            if self.softcap
            else F.scaled_dot_product_attention(
                q,
                k,
                v,
                attn_mask=mask,
                dropout_p=dropout,
                is_causal=self.causal and mask is None,
                enable_gqa=True,
            )
        )
        return self.out_proj(y.transpose(1, 2).flatten(2))

    def split(self, x):
        return x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)


def score_mask(q, k, causal, window, bias):
    """What is added to the scores of queries and keys: -inf where one may not look."""
    zeros = q.new_zeros(q.shape[-2], k.shape[-2])
    added = (
        bias.repeat_interleave(len(q) // len(bias), dim=0)
        if bias is not None
        else zeros
    )
    rows = torch.arange(q.shape[-2], device=q.device)[:, None]
    distance = rows - torch.arange(k.shape[-2], device=q.device)
    seen = added.masked_fill(distance < 0, float("-inf")) if causal else added
    return seen.masked_fill(distance.abs() >= window, float("-inf")) if window else seen


def capped_attention(q, k, v, mask, softcap, dropout):
    """Attention whose scores are bounded to ± `softcap`; a query that sees no key gets zeros."""
    shared = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(shared, dim=1), v.repeat_interleave(shared, dim=1)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    capped = softcap * torch.tanh(scores / softcap)
    weights = (
        torch._safe_softmax(capped + mask, dim=-1)
        if mask is not None
        else capped.softmax(dim=-1)
    )
    return (F.dropout(weights, dropout) if dropout else weights) @ v


def rotate(x, theta, size=None):
    """Rotary positions: turns pairs of features by an angle that grows with the position; `size` is how many turn."""
    turning = x[..., :size] if size else x
    a, b = turning.chunk(2, dim=-1)
    index = torch.arange(a.shape[-1], device=x.device, dtype=torch.float32)
    position = torch.arange(x.shape[-2], device=x.device, dtype=torch.float32)
    angle = position[:, None] * theta ** (-index / a.shape[-1])
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    turned = torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
    return torch.cat([turned, x[..., size:]], dim=-1) if size else turned


class BucketPositionBias(nn.Module):
    """A learned score for each head and distance in buckets, near ones exact, far ones logarithmic (T5)."""

    def __init__(self, heads, buckets=32):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(buckets, heads) * 0.02)

    def forward(self, positions):
        position = torch.arange(positions, device=self.weight.device)
        distance = position - position[:, None]
        side = max(1, self.weight.shape[0] // 2)
        near = max(1, side // 2)
        growth = (distance.abs().clamp(min=1) / near).log() / math.log(128 / near)
        far = (near + growth * (side - near)).long().clamp(max=side - 1)
        bucket = torch.where(distance.abs() < near, distance.abs(), far)
        signed = (bucket + side * (distance > 0)).clamp(max=self.weight.shape[0] - 1)
        return self.weight[signed].permute(2, 0, 1)[None]


class DistanceBias(nn.Module):
    """A score that falls with the distance, in each head at a slope of its own (ALiBi)."""

    def __init__(self, heads):
        super().__init__()
        steps = 2 ** math.floor(math.log2(heads))
        slopes = [2 ** (-8 * (i + 1) / steps) for i in range(steps)]
        between = [2 ** (-4 * (2 * i + 1) / steps) for i in range(heads - steps)]
        self.register_buffer("slopes", torch.tensor(slopes + between))

    def forward(self, positions):
        place = torch.arange(positions, device=self.slopes.device)
        distance = (place[:, None] - place).abs()
        return (-self.slopes[:, None, None] * distance)[None]


class WindowPositionBias(nn.Module):
    """A learned score for each head and displacement inside a window of two axes or more (Swin)."""

    def __init__(self, heads, *window):
        super().__init__()
        self.window = window
        self.spans = [2 * size - 1 for size in window]
        self.weight = nn.Parameter(torch.randn(math.prod(self.spans), heads) * 0.02)

    def forward(self):
        device = self.weight.device
        axes = [torch.arange(size, device=device) for size in self.window]
        places = torch.cartesian_prod(*axes).unbind(dim=-1)
        moved = [
            place[:, None] - place + size - 1
            for place, size in zip(places, self.window)
        ]
        rows = torch.arange(len(self.weight), device=device).view(self.spans)
        row = rows[tuple(moved)]
        return self.weight[row].permute(2, 0, 1)[None]


class MixtureOfExperts(nn.Module):
    """A router sends each position to its `top_k` experts; their outputs are added by the router's weights."""

    def __init__(self, features, experts, top_k, bias=False):
        super().__init__()
        self.top_k = top_k
        self.experts = nn.ModuleList(experts)
        self.router = nn.Linear(features, len(experts), bias=bias)

    def forward(self, x, *others, shared=()):
        positions = x.flatten(0, -2)
        scores = self.router(positions).softmax(dim=-1)
        best, chosen = scores.topk(self.top_k, dim=-1)
        weights = best / best.sum(dim=-1, keepdim=True)
        y = None
        for index, expert in enumerate(self.experts):
            token, slot = torch.where(chosen == index)
            sample = token * len(x) // len(positions)
            out = expert(
                positions[token], *(other[sample] for other in others), *shared
            )
            out = out * weights[token, slot, None]
            y = out.new_zeros(len(positions), out.shape[-1]) if y is None else y
            y = y.index_add(0, token, out)
        return y.unflatten(0, x.shape[:-1])


def tie_weights(module, other):
    """Gives `module` the parameters and buffers of `other`, which has the same layers."""
    for named in (nn.Module.named_parameters, nn.Module.named_buffers):
        names = [name for name, _ in named(module, remove_duplicate=False)]
        for name, (_, tensor) in zip(names, named(other, remove_duplicate=False)):
            path, _, leaf = name.rpartition(".")
            setattr(module.get_submodule(path), leaf, tensor)
