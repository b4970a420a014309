"""Small modules that torch.nn lacks. A class is copied into a generated file when it is used.

Options that no layer of the network uses are left out (`archcalc.pytorch.trimming`). So that the text alone shows
which these are, each variable here is assigned once, and an option is a keyword argument whose default turns it off.
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
    """Puts a learned vector before the others: [..., n, features] -> [..., n + 1, features]."""

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
    """Numbers that are not learned, the same for every sample."""

    def __init__(self, value, persistent=False):
        super().__init__()
        # a copy, since a caller may pass the same tensor to several modules
        self.register_buffer("value", value.clone(), persistent=persistent)

    def forward(self):
        return self.value[None]


class Standardized(nn.Module):
    """Normalises weights to mean 0 and variance 1 for each output."""

    def __init__(self, eps=1e-06):
        super().__init__()
        self.eps = eps

    def forward(self, weight):
        return F.layer_norm(weight, weight.shape[1:], eps=self.eps)


class PartlyBiasedLinear(nn.Linear):
    """A linear map to queries, keys and values, some of which have a bias."""

    def __init__(self, inputs, outputs, biased):
        super().__init__(inputs, outputs, bias=False)
        for letter in biased:
            bias = nn.Parameter(torch.zeros(outputs // 3))
            self.register_parameter(f"{letter}_bias", bias)

    def forward(self, x):
        none = self.weight.new_zeros(len(self.weight) // 3)
        parts = [getattr(self, f"{letter}_bias", none) for letter in "qkv"]
        return F.linear(x, self.weight, torch.cat(parts))


class TransposedLinear(nn.Linear):
    """A linear map whose weight is [inputs, outputs]."""

    def __init__(self, inputs, outputs, **options):
        super().__init__(inputs, outputs, **options)
        self.weight = nn.Parameter(self.weight.detach().t().contiguous())

    def forward(self, x):
        return F.linear(x, self.weight.t(), self.bias)


class Opaque(nn.Module):
    """A part that the spec declares but does not describe: put the real module in its place."""

    def __init__(self, what, *sizes, params=0, buffers=0):
        super().__init__()
        self.what = what
        self.sizes = sizes
        if params:
            self.declared = nn.Parameter(torch.zeros(params))
        if buffers:
            self.register_buffer("stored", torch.zeros(buffers))

    def forward(self, *inputs):
        raise NotImplementedError(f"{self.what}: the spec gives only its shape")


class LayerScale(nn.Module):
    """A learned factor for each feature; `axes` is the number of axes after the features."""

    def __init__(self, features, init=1e-05, axes=0):
        super().__init__()
        self.axes = axes
        self.weight = nn.Parameter(torch.full((features,), init))

    def forward(self, x):
        return x * (
            self.weight.view(-1, *[1] * self.axes) if self.axes else self.weight
        )


class FrozenBatchNorm(nn.Module):
    """Normalises each channel by stored statistics, with nothing to train; `axes` is the number of axes after the channels."""

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


class BucketPositionBias(nn.Module):
    """A learned score for each head and bucket of distances: exact for near positions, logarithmic for far ones (T5)."""

    def __init__(self, heads, buckets=32, causal=False):
        super().__init__()
        self.causal = causal
        self.weight = nn.Parameter(torch.randn(buckets, heads) * 0.02)

    def forward(self, positions):
        position = torch.arange(positions, device=self.weight.device)
        distance = position - position[:, None]
        if self.causal:
            distance = distance.clamp(max=0)
        side = max(1, self.weight.shape[0] // (1 if self.causal else 2))
        near = max(1, side // 2)
        growth = (distance.abs().clamp(min=1) / near).log() / math.log(128 / near)
        far = (near + growth * (side - near)).long().clamp(max=side - 1)
        bucket = torch.where(distance.abs() < near, distance.abs(), far)
        signed = (bucket + side * (distance > 0)).clamp(max=self.weight.shape[0] - 1)
        return self.weight[signed].permute(2, 0, 1)[None]


class DistanceBias(nn.Module):
    """A score that falls with the distance, at a different slope in each head (ALiBi)."""

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
    """A learned score for each head and displacement within a window of two or more axes (Swin)."""

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
    """A router sends each position to its `top_k` experts and adds up their outputs, weighted by its scores."""

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
    """Makes `module` use the parameters and buffers of `other`, which has the same layers."""
    for named in (nn.Module.named_parameters, nn.Module.named_buffers):
        names = [name for name, _ in named(module, remove_duplicate=False)]
        for name, (_, tensor) in zip(names, named(other, remove_duplicate=False)):
            path, _, leaf = name.rpartition(".")
            setattr(module.get_submodule(path), leaf, tensor)


class SelectiveScan(nn.Module):
    """A linear recurrence whose decay, input and output weights depend on the step (Mamba): [steps, channels]."""

    def __init__(self, channels, state, heads=0, groups=1, skip=False):
        super().__init__()
        self.groups = groups
        self.skip = skip
        rates = torch.arange(1.0, (heads or state) + 1)
        self.A_log = nn.Parameter((rates if heads else rates.repeat(channels, 1)).log())
        if skip:
            self.D = nn.Parameter(torch.ones(heads or channels))

    def forward(self, x, dt, b, c):
        inputs = x.unflatten(-1, (dt.shape[-1], -1))
        rates = -self.A_log.exp().view(dt.shape[-1], 1, -1)
        decays = torch.exp(dt[..., None, None] * rates).unbind(1)
        fed = (inputs * dt[..., None]).unbind(1)
        into = b.unflatten(-1, (self.groups, 1, -1)).unbind(1)
        out = c.unflatten(-1, (self.groups, -1, 1)).unbind(1)
        h = x.new_zeros(*fed[0].shape, into[0].shape[-1])
        steps = []
        for decay, x_t, b_t, c_t in zip(decays, fed, into, out):
            entry = x_t.reshape(len(x), self.groups, -1, 1) * b_t
            h = decay * h + entry.view(h.shape)
            steps.append((h.view(entry.shape) @ c_t).flatten(1))
        y = torch.stack(steps, 1)
        return y + (inputs * self.D[:, None]).flatten(2) if self.skip else y


class DeformableConvolution(nn.Conv2d):
    """Convolution whose taps are shifted by `offset` (a row and a column each) and weighted by `mask`."""

    def forward(self, x, offset, mask=None):
        taps = self.weight[0, 0].numel()
        places = offset.unflatten(1, (-1, taps, 2)) + self.windows(offset)
        sizes = x.new_tensor(x.shape[-2:])[:, None, None]
        grid = ((2 * places + 1) / sizes - 1).flip(3).permute(0, 1, 2, 4, 5, 3)
        parts = x.unflatten(1, (grid.shape[1], -1)).flatten(0, 1)
        where = grid.flatten(0, 1).flatten(1, 2)
        read = F.grid_sample(parts, where, align_corners=False)
        read = read.unflatten(0, grid.shape[:2]).unflatten(3, (taps, -1))
        seen = read * mask.unflatten(1, (-1, 1, taps)) if mask is not None else read
        return F.conv2d(
            seen.flatten(1, 2).flatten(3),
            self.weight.flatten(2).unsqueeze(-1),
            self.bias,
            groups=self.groups,
        ).unflatten(-1, offset.shape[-2:])[:, :, 0]

    def windows(self, offset):
        """The rows and columns that the taps read without offsets: [taps, 2, height, width]."""
        axes = zip(self.kernel_size, self.dilation, self.stride, self.padding)
        rows, columns = (
            torch.arange(taps, device=offset.device)[:, None] * dilation
            + torch.arange(offset.shape[axis], device=offset.device) * stride
            - padding
            for axis, (taps, dilation, stride, padding) in enumerate(axes, 2)
        )
        read = torch.broadcast_tensors(rows[:, None, :, None], columns[:, None])
        return torch.stack(read, dim=2).flatten(0, 1).to(offset.dtype)


def set_state_biases(recurrent, zeros):
    """Replaces the biases of the products with the state by zeros, or removes them."""
    for name, bias in list(recurrent.named_parameters()):
        if name.startswith("bias_ih"):
            other = name.replace("ih", "hh")
            delattr(recurrent, other)
            setattr(recurrent, other, torch.zeros_like(bias) if zeros else None)


def with_zero_biases(recurrent, forward, x, state):
    """Runs `forward` on `x` while the biases of the products with the state are zeros."""
    set_state_biases(recurrent, zeros=True)
    result = forward(x, state)
    set_state_biases(recurrent, zeros=False)
    return result


class OneBiasRNN(nn.RNN):
    """Recurrent network that learns a bias only for the products with its input."""

    def __init__(self, features, hidden, **options):
        super().__init__(features, hidden, **options)
        set_state_biases(self, zeros=False)

    def forward(self, x, state=None):
        return with_zero_biases(self, super().forward, x, state)


class OneBiasGRU(nn.GRU):
    """GRU that learns a bias only for the products with its input."""

    def __init__(self, features, hidden, **options):
        super().__init__(features, hidden, **options)
        set_state_biases(self, zeros=False)

    def forward(self, x, state=None):
        return with_zero_biases(self, super().forward, x, state)


class OneBiasLSTM(nn.LSTM):
    """LSTM that learns a bias only for the products with its input."""

    def __init__(self, features, hidden, **options):
        super().__init__(features, hidden, **options)
        set_state_biases(self, zeros=False)

    def forward(self, x, state=None):
        return with_zero_biases(self, super().forward, x, state)
