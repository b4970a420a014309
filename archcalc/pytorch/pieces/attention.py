"""Kinds of attention that torch.nn lacks. Each is copied into a generated file when it is used, like those in modules.py."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn


class MultiHeadAttention(nn.MultiheadAttention):
    """Attention that returns no weights; `causal` hides later positions; `window` hides positions at this distance or more; `each`: the axes before the positions, such as windows, have their own score tables; `seen_each`: they have their own masks."""

    def __init__(
        self,
        features,
        heads,
        causal=False,
        window=None,
        each=False,
        seen_each=False,
        **options,
    ):
        super().__init__(features, heads, batch_first=True, **options)
        self.causal = causal
        self.window = window
        self.each = each
        self.seen_each = seen_each

    def forward(self, x, key=None, value=None, bias=None, seen=None):
        if x.dim() > 3:
            return self.forward(
                x.flatten(0, -3),
                key.flatten(0, -3) if key is not None else None,
                value.flatten(0, -3) if value is not None else None,
                by_sequence(bias, len(x)) if self.each else bias,
                by_sequence(seen, len(x)) if self.seen_each else seen,
            ).unflatten(0, x.shape[:-2])
        k = key if key is not None else x
        v = value if value is not None else k
        masked = self.causal or self.window or bias is not None or seen is not None
        mask = (
            score_mask(x, k, self.causal, self.window, bias, seen) if masked else None
        )
        apart = mask.expand(-1, self.num_heads, -1, -1) if seen is not None else mask
        each = apart.flatten(0, 1) if bias is not None or seen is not None else apart
        return super().forward(x, k, v, attn_mask=each, need_weights=False)[0]


class GroupedQueryAttention(nn.Module):
    """Attention whose heads may share keys and values; `rope` is the base of the rotary angles; `rope_dim` is how many features of a head rotate; `causal` hides later positions; `each`: the axes before the positions, such as windows, have their own score tables; `seen_each`: they have their own masks; `window` hides positions at this distance or more; `scale` multiplies the scores; `softcap` bounds the scores; `sink` gives each head a learned score that takes weight but adds no value; `qknorm` normalises the queries and keys of each head; `qknorm_scale` gives these norms learned factors; `qknorm_width` normalises all heads together."""

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
        each=False,
        seen_each=False,
        rope=None,
        rope_dim=None,
        window=None,
        scale=None,
        softcap=None,
        sink=None,
        qknorm=False,
        qknorm_scale=True,
        qknorm_width=False,
        qknorm_eps=1e-06,
        dropout=0.0,
    ):
        super().__init__()
        self.head_dim = head_dim
        self.causal = causal
        self.each = each
        self.seen_each = seen_each
        self.rope = rope
        self.rope_dim = rope_dim
        self.window = window
        self.scale = scale
        self.softcap = softcap
        self.sink = sink
        self.qknorm = qknorm
        self.qknorm_width = qknorm_width
        self.dropout = dropout
        self.q_proj = nn.Linear(features, heads * head_dim, bias="q" in bias)
        self.k_proj = nn.Linear(
            key_features or features, kv_heads * head_dim, bias="k" in bias
        )
        self.v_proj = nn.Linear(
            value_features or features, kv_heads * head_dim, bias="v" in bias
        )
        if qknorm:
            self.q_norm = nn.RMSNorm(
                head_dim, eps=qknorm_eps, elementwise_affine=qknorm_scale
            )
            self.k_norm = nn.RMSNorm(
                head_dim, eps=qknorm_eps, elementwise_affine=qknorm_scale
            )
        if qknorm_width:
            self.q_norm = nn.RMSNorm(heads * head_dim, eps=qknorm_eps)
            self.k_norm = nn.RMSNorm(kv_heads * head_dim, eps=qknorm_eps)
        if sink:
            self.sinks = nn.Parameter(torch.zeros(heads))
        self.out_proj = nn.Linear(
            heads * head_dim, out_features or features, bias="o" in bias
        )

    def forward(self, x, key=None, value=None, bias=None, seen=None):
        if x.dim() > 3:
            return self.forward(
                x.flatten(0, -3),
                key.flatten(0, -3) if key is not None else None,
                value.flatten(0, -3) if value is not None else None,
                by_sequence(bias, len(x)) if self.each else bias,
                by_sequence(seen, len(x)) if self.seen_each else seen,
            ).unflatten(0, x.shape[:-2])
        keys = key if key is not None else x
        values = value if value is not None else keys
        q = self.split(
            self.q_norm(self.q_proj(x)) if self.qknorm_width else self.q_proj(x)
        )
        k = self.split(
            self.k_norm(self.k_proj(keys)) if self.qknorm_width else self.k_proj(keys)
        )
        v = self.split(self.v_proj(values))
        if self.qknorm:
            q = self.q_norm(q)
            k = self.k_norm(k)
        if self.rope:
            q = rotate(q, self.rope, self.rope_dim)
            k = rotate(k, self.rope, self.rope_dim)
        by_hand = self.softcap or self.sink
        masked = (
            self.window
            or bias is not None
            or seen is not None
            or (by_hand and self.causal)
        )
        mask = (
            score_mask(q, k, self.causal, self.window, bias, seen) if masked else None
        )
        dropout = self.dropout if self.training else 0.0
        y = (
            sink_attention(q, k, v, mask, self.sinks, self.scale, self.softcap, dropout)
            if self.sink
            else capped_attention(q, k, v, mask, self.scale, self.softcap, dropout)
            if self.softcap
            else F.scaled_dot_product_attention(
                q,
                k,
                v,
                attn_mask=mask,
                dropout_p=dropout,
                is_causal=self.causal and mask is None,
                scale=self.scale,
                enable_gqa=True,
            )
        )
        return self.out_proj(y.transpose(1, 2).flatten(2))

    def split(self, x):
        return x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)


class DotProductAttention(nn.Module):
    """Attention without projections, over the last two axes; `causal` hides later positions; `window` hides positions at this distance or more; `scale` multiplies the scores; `softcap` bounds the scores; `sink` is the number of heads, each with a learned score that takes weight but adds no value; `shared` lets several heads share keys and values."""

    def __init__(
        self,
        causal=False,
        window=None,
        scale=None,
        softcap=None,
        sink=None,
        shared=False,
        dropout=0.0,
    ):
        super().__init__()
        self.causal = causal
        self.window = window
        self.scale = scale
        self.softcap = softcap
        self.sink = sink
        self.shared = shared
        self.dropout = dropout
        if sink:
            self.sinks = nn.Parameter(torch.zeros(sink))

    def forward(self, q, k, v, bias=None, seen=None):
        by_hand = self.softcap or self.sink
        masked = (
            self.window
            or bias is not None
            or seen is not None
            or (by_hand and self.causal)
        )
        mask = (
            score_mask(q, k, self.causal, self.window, bias, seen) if masked else None
        )
        dropout = self.dropout if self.training else 0.0
        return (
            sink_attention(q, k, v, mask, self.sinks, self.scale, self.softcap, dropout)
            if self.sink
            else capped_attention(q, k, v, mask, self.scale, self.softcap, dropout)
            if self.softcap
            else F.scaled_dot_product_attention(
                q,
                k,
                v,
                attn_mask=mask,
                dropout_p=dropout,
                is_causal=self.causal and mask is None,
                scale=self.scale,
                enable_gqa=self.shared,
            )
        )


def by_sequence(bias, samples):
    """Repeats score tables of the axes before the positions for every sample: one table per sequence."""
    return bias.expand(samples, *[-1] * (bias.dim() - 1)).flatten(0, -4)


def score_mask(q, k, causal, window, bias, seen):
    """What is added to the scores of queries and keys: -inf where a query may not look."""
    zeros = q.new_zeros(q.shape[-2], k.shape[-2])
    table = (
        bias.repeat_interleave(len(q) // len(bias), dim=0)
        if bias is not None
        else zeros
    )
    added = (
        table.masked_fill(
            seen.repeat_interleave(len(q) // len(seen), dim=0) == 0, float("-inf")
        )
        if seen is not None
        else table
    )
    rows = torch.arange(q.shape[-2], device=q.device)[:, None]
    distance = rows - torch.arange(k.shape[-2], device=q.device)
    shown = added.masked_fill(distance < 0, float("-inf")) if causal else added
    return (
        shown.masked_fill(distance.abs() >= window, float("-inf")) if window else shown
    )


def capped_attention(q, k, v, mask, scale, softcap, dropout):
    """Attention whose scores are bounded to ± `softcap`; a query that sees no key gets zeros."""
    shared = q.shape[-3] // k.shape[-3]
    k, v = k.repeat_interleave(shared, dim=-3), v.repeat_interleave(shared, dim=-3)
    factor = scale if scale is not None else 1 / math.sqrt(q.shape[-1])
    scores = q @ k.transpose(-2, -1) * factor
    capped = softcap * torch.tanh(scores / softcap)
    weights = (
        torch._safe_softmax(capped + mask, dim=-1)
        if mask is not None
        else capped.softmax(dim=-1)
    )
    return (F.dropout(weights, dropout) if dropout else weights) @ v


def sink_attention(q, k, v, mask, sinks, scale, softcap, dropout):
    """Attention in which each head has one more score, from `sinks`, that takes weight but adds no value; `softcap` bounds the other scores."""
    shared = q.shape[-3] // k.shape[-3]
    k, v = k.repeat_interleave(shared, dim=-3), v.repeat_interleave(shared, dim=-3)
    factor = scale if scale is not None else 1 / math.sqrt(q.shape[-1])
    scores = q @ k.transpose(-2, -1) * factor
    capped = softcap * torch.tanh(scores / softcap) if softcap else scores
    seen = capped + mask if mask is not None else capped
    sink = sinks[:, None, None].expand(*q.shape[:-1], 1)
    weights = torch.cat([seen, sink], dim=-1).softmax(dim=-1)[..., :-1]
    return (F.dropout(weights, dropout) if dropout else weights) @ v


def rotate(x, theta, size=None):
    """Rotary positions: rotates pairs of features by an angle that grows with the position; `size` is how many features rotate."""
    turning = x[..., :size] if size else x
    a, b = turning.chunk(2, dim=-1)
    index = torch.arange(a.shape[-1], device=x.device, dtype=torch.float32)
    position = torch.arange(x.shape[-2], device=x.device, dtype=torch.float32)
    angle = position[:, None] * theta ** (-index / a.shape[-1])
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    turned = torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)
    return torch.cat([turned, x[..., size:]], dim=-1) if size else turned
