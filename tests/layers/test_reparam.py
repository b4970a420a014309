"""Weights that are computed from what is learned, and linear maps that have a bias in part."""

from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from archcalc.diagnostics import SpecError

from .oracle import FEW, Draw, compare, covers, graph, layer, line


class Standardized(nn.Module):
    """Qiao et al. 2019, arXiv:1903.10520."""

    def __init__(self, eps):
        super().__init__()
        self.eps = eps

    def forward(self, weight):
        axes = tuple(range(1, weight.dim()))
        apart = weight - weight.mean(axes, keepdim=True)
        return apart / (weight.var(axes, correction=0, keepdim=True) + self.eps).sqrt()


def reparametrised(module, kind, **keys):
    if kind == "weightnorm":
        return parametrizations.weight_norm(module, dim=keys.get("reparam_axis", 0))
    if kind == "spectralnorm":
        with mock.patch.object(parametrizations._SpectralNorm, "_power_method"):
            return parametrizations.spectral_norm(module)  # fifteen steps from vectors that are drawn anew later
    return parametrize.register_parametrization(module, "weight", Standardized(keys.get("reparam_eps", 1e-6)))


@covers("conv", "convtranspose", "linear")
@pytest.mark.parametrize("kind", ["weightnorm", "spectralnorm", "standardized"])
@pytest.mark.parametrize("op", ["conv", "convtranspose", "linear"])
@FEW
@given(data=st.data())
def test_reparametrised_weights(op, kind, data):
    draw = Draw(data)
    keys = {"reparam": kind}
    last = 1 if op == "linear" else (axes := draw.of(1, 2, 3)) + 1
    if kind == "weightnorm":
        keys |= draw.some(reparam_axis=st.sampled_from([0, last]))
    if kind == "standardized":
        keys |= draw.some(reparam_eps=st.sampled_from([1e-3, 1e-8]))
    bias, inputs, outputs = draw.of(True, False), draw.of(2, 4), draw.of(2, 6)
    if op == "linear":
        text = line(op, outputs, bias=bias, **keys)
        compare(text, (3, inputs), lambda: reparametrised(nn.Linear(inputs, outputs, bias), kind, **keys))
        return
    groups, kernel, padding = draw.of(1, 2), draw.of(1, 2), draw.of(0, 1)
    text = line(op, outputs, kernel=kernel, padding=padding, groups=groups, bias=bias, **keys)
    made = getattr(nn, f"Conv{'Transpose' if op == 'convtranspose' else ''}{axes}d")
    module = lambda: made(inputs, outputs, kernel, padding=padding, groups=groups, bias=bias)  # noqa: E731
    compare(text, (inputs, *[4] * axes), lambda: reparametrised(module(), kind, **keys))


class PartlyBiased(nn.Linear):
    """As Swin V2 and BEiT have it: keys have no bias."""

    def __init__(self, inputs, outputs, letters):
        super().__init__(inputs, outputs, bias=False)
        for letter in letters:
            setattr(self, f"{letter}_bias", nn.Parameter(torch.randn(outputs // 3)))

    def forward(self, x):
        none = torch.zeros(len(self.weight) // 3, device=x.device)
        return super().forward(x) + torch.cat([getattr(self, f"{letter}_bias", none) for letter in "qkv"])


@pytest.mark.parametrize("letters", ["q", "k", "qv", "vq", "qkv"])
def test_linear_with_a_bias_in_part(letters):
    compare(f"linear 12 bias={letters}", (5, 4), lambda: PartlyBiased(4, 12, sorted(letters, key="qkv".index)))
    assert layer(f"linear 12 bias={letters}", (5, 4)).other_flops == 5 * 4 * len(letters)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("linear 13 bias=qv", "bias=qv is for queries, keys and values, and 13 features are not three parts"),
        ("linear 4 bias=x", "`bias` must be true, false, or letters of qkv, not `x`"),
        ("linear 4 reparam_axis=1", "`reparam_axis` needs reparam=weightnorm"),
        ("linear 4 reparam=spectralnorm reparam_eps=1e-5", "`reparam_eps` needs reparam=standardized"),
        ("conv 4 kernel=3 reparam=weightnorm reparam_axis=1", "weightnorm does not work along axis 1"),
    ],
)
def test_what_is_refused(text, said):
    with pytest.raises(SpecError, match=said):
        layer(text, (4, 8, 8) if "conv" in text else (4,))


def test_filters_of_another_layer_are_used_as_they_are():
    lines = ["constant 1x1x3x3 name=f", "conv 4 kernel=3 groups=4 weight=f bias=false reparam=weightnorm from=input"]
    with pytest.raises(SpecError, match="filters from `weight=` are used as they are"):
        graph(lines, (4, 8, 8))
