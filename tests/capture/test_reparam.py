"""Weights that a module computes from what it learns, as keys of the layer that has them."""

import warnings

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from .test_calls import Of, read
from .test_outputs import checked


def older(name):
    """The normalization that PyTorch has deprecated, and that published networks have."""

    @torch.no_grad()  # else nobody can copy the module
    def normed(module):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(nn.utils, name)(module)

    return normed


def newer(name, **given):
    return lambda module: getattr(parametrizations, name)(module, **given)


NORMS = {
    "newer weight norm": (newer("weight_norm"), "weightnorm"),
    "older weight norm": (older("weight_norm"), "weightnorm"),
    "newer spectral norm": (newer("spectral_norm"), "spectralnorm"),
    "older spectral norm": (older("spectral_norm"), "spectralnorm"),
}
LAYERS = {
    "conv": (lambda: nn.Conv1d(4, 6, 3, groups=2), (4, 9), "conv 6 kernel=3 groups=2"),
    "convtranspose": (lambda: nn.ConvTranspose2d(4, 6, 2, bias=False), (4, 5, 5), "convtranspose 6 kernel=2 bias=false"),
    "linear": (lambda: nn.Linear(4, 6), (3, 4), "linear 6"),
}  # fmt: skip


def exact(module, sizes, line):
    """The line, with the parameters and the outputs of the module."""
    assert f"  - {line}\n" in read(module, sizes).text
    comparison = checked(module, sizes)
    assert comparison.equal
    assert comparison.checked.startswith("outputs equal"), comparison.checked
    assert not comparison.notes
    assert not comparison.declared


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("op", LAYERS)
def test_norms_of_weights(norm, op):
    normed, kind = NORMS[norm]
    make, sizes, line = LAYERS[op]
    exact(nn.Sequential(normed(make()), nn.Tanh()), sizes, f"[{line} reparam={kind}, tanh]")


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_weight_that_a_hook_has_left_is_in_nobodys_way():
    text = read(nn.Sequential(nn.utils.weight_norm(nn.Linear(4, 6)), nn.Tanh()), (3, 4)).text
    assert "[linear 6 reparam=weightnorm, tanh]" in text


def test_lengths_along_the_last_axis_as_wav2vec2_has_them():
    conv = newer("weight_norm", dim=2)(nn.Conv1d(4, 4, 3, padding=1))
    exact(nn.Sequential(conv, nn.Tanh()), (4, 9), "[conv 4 kernel=3 padding=1 reparam=weightnorm reparam_axis=2, tanh]")


def test_one_length_for_the_whole_weight_is_not_said_as_one_for_each_output():
    text = read(nn.Sequential(newer("weight_norm", dim=None)(nn.Conv1d(4, 4, 3)), nn.Tanh()), (4, 9)).text
    assert "reparam" not in text


def test_a_matrix_turned_otherwise_is_not_said_as_one_of_outputs():
    text = read(nn.Sequential(newer("spectral_norm", dim=1)(nn.Conv1d(4, 4, 3)), nn.Tanh()), (4, 9)).text
    assert "reparam" not in text


def as_channels(w):
    return F.batch_norm(w.reshape(1, len(w), -1), None, None, training=True, eps=1e-8).reshape_as(w)


def as_samples(w):
    return F.layer_norm(w, w.shape[1:], eps=1e-8)


def by_hand(w):
    axes = list(range(1, w.dim()))
    return (w - w.mean(axes, keepdim=True)) / torch.sqrt(w.var(axes, unbiased=False, keepdim=True) + 1e-8)


def together(w):
    var, mean = torch.var_mean(w, dim=list(range(1, w.dim())), keepdim=True, correction=0)
    return (w - mean) / torch.sqrt(var + 1e-8)


@pytest.mark.parametrize("way", [as_channels, as_samples, by_hand, together])
def test_standardized_weights(way):
    module = Of(lambda m, x: F.conv2d(x, way(m.a.weight), m.a.bias).tanh(), a=nn.Conv2d(4, 6, 3))
    exact(module, (4, 6, 6), "[conv 6 kernel=3 reparam=standardized reparam_eps=1e-8, tanh]")


def of_a_sample(w):
    return (w - w.mean((1, 2, 3), keepdim=True)) / torch.sqrt(w.var((1, 2, 3), keepdim=True) + 1e-8)


def of_inputs(w):
    return as_channels(w.transpose(0, 1)).transpose(0, 1)


def uneven(w):
    return (w - w.mean((1, 2, 3), keepdim=True)) / torch.sqrt(w.var((2, 3), unbiased=False, keepdim=True) + 1e-8)


@pytest.mark.parametrize("way", [of_a_sample, of_inputs, uneven])
def test_what_looks_alike_is_not_standardized(way):
    module = Of(lambda m, x: F.conv2d(x, way(m.a.weight), m.a.bias).tanh(), a=nn.Conv2d(4, 4, 3))
    assert "reparam" not in read(module, (4, 6, 6)).text


def test_a_layer_that_is_called_twice_is_counted_once():
    conv = newer("weight_norm")(nn.Conv1d(4, 4, 3, padding=1))
    module = Of(lambda m, x: m.conv(m.conv(x).tanh()), conv=conv)
    comparison = checked(module, (4, 9))
    assert comparison.equal
    assert comparison.checked.startswith("outputs equal"), comparison.checked


@pytest.mark.parametrize("name", ["qkv", "out"])
def test_attention_has_no_weights_that_are_computed(name):
    """`attention` has no key for it: its maps stay layers."""

    def forward(m, x):
        q, k, v = m.qkv(x).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        return m.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

    maps = {"qkv": nn.Linear(8, 24), "out": nn.Linear(8, 8)}
    maps[name] = newer("spectral_norm")(maps[name])
    comparison = checked(Of(forward, **maps), (5, 8))
    assert comparison.equal
    assert comparison.checked.startswith("outputs equal"), comparison.checked
    assert "reparam=spectralnorm" in read(Of(forward, **maps), (5, 8)).text


def test_parametrization_of_ones_own_that_standardizes():
    class Standardized(nn.Module):
        def forward(self, weight):
            return as_samples(weight)

    conv = parametrize.register_parametrization(nn.Conv1d(4, 4, 3), "weight", Standardized())
    exact(nn.Sequential(conv, nn.Tanh()), (4, 9), "[conv 4 kernel=3 reparam=standardized reparam_eps=1e-8, tanh]")


class InPart(nn.Module):
    """As BEiT and Swin V2 have it: keys have no bias."""

    def __init__(self, attends: bool, zeros):
        super().__init__()
        self.qkv, self.out, self.attends, self.zeros = nn.Linear(8, 24, bias=False), nn.Linear(8, 8), attends, zeros
        self.q_bias, self.v_bias = nn.Parameter(torch.zeros(8)), nn.Parameter(torch.zeros(8))
        self.register_buffer("k_bias", torch.zeros(8))

    def forward(self, x):
        y = F.linear(x, self.qkv.weight, torch.cat([self.q_bias, self.zeros(self), self.v_bias]))
        if not self.attends:
            return self.out(y.tanh()[..., :8])
        q, k, v = y.unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


@pytest.mark.parametrize("zeros", [lambda m: m.k_bias, lambda m: torch.zeros_like(m.v_bias)])
@pytest.mark.parametrize(("attends", "line"), [(True, "attention 2 bias=qvo"), (False, "linear 24 bias=qv")])
def test_a_bias_of_queries_and_values_alone(attends, line, zeros):
    module = InPart(attends, zeros)
    assert line in read(module, (5, 8)).text
    comparison = checked(module, (5, 8))
    assert comparison.equal
    assert comparison.checked.startswith("outputs equal"), comparison.checked
