import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from .oracle import FEW, Draw, compare, covers, layer, line


class Added(nn.Module):
    """A table of vectors, one for each position, added to the input."""

    def __init__(self, length, features):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(length, features))

    def forward(self, x):
        return x + self.weight[torch.arange(x.shape[-2])]


class Prepended(nn.Module):
    """A learned vector before the first position."""

    def __init__(self, features):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1, features))

    def forward(self, x):
        return torch.cat([self.weight.expand(*x.shape[:-2], 1, x.shape[-1]), x], dim=-2)


class Learned(nn.Module):
    """A tensor that does not depend on the input."""

    def __init__(self, *shape):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(*shape))

    def forward(self, x):
        return self.weight[None]


class Scaled(nn.Module):
    """A factor for each channel or feature."""

    def __init__(self, size, axis):
        super().__init__()
        self.weight, self.axis = nn.Parameter(torch.ones(size)), axis

    def forward(self, x):
        return x.transpose(self.axis, -1).mul(self.weight).transpose(self.axis, -1)


def vectors(draw, least=0):
    """A shape [*, features]."""
    return tuple(draw(st.lists(st.integers(1, 5), min_size=least + 1, max_size=4)))


@covers("linear")
@FEW
@given(data=st.data())
def test_linear(data):
    draw = Draw(data)
    shape = vectors(draw)
    features = draw(draw.number(1, 8, -1))
    keys = draw.some(bias=st.booleans())
    compare(line("linear", features, **keys), shape, lambda: nn.Linear(shape[-1], features, **keys))


@covers("embedding")
@FEW
@given(data=st.data())
def test_embedding(data):
    draw = Draw(data)
    shape = vectors(draw)
    vocab, dim = draw(draw.number(2, 9, -1)), draw(draw.number(1, 5, -1))
    compare(line("embedding", vocab, dim=dim), shape, lambda: nn.Embedding(vocab, dim), tokens=True)


@covers("posembed")
@FEW
@given(data=st.data())
def test_posembed(data):
    draw = Draw(data)
    shape = vectors(draw, least=1)
    length = draw(st.none() | draw.number(shape[-2], 9, 1, 2, -1))
    keys = {} if length is None else {"length": length}
    compare(line("posembed", **keys), shape, lambda: Added(shape[-2] if length is None else length, shape[-1]))
    if length is None:
        compare("posembed kind=sinusoidal", shape, lambda: lambda x: x + waves(*shape[-2:]), loose=True)


def waves(positions, features):
    """Vaswani et al. 2017, section 3.5, number by number."""
    rows = []
    for position in range(positions):
        angles = [position / 10000 ** (2 * (index // 2) / features) for index in range(features)]
        rows.append([math.cos(angle) if index % 2 else math.sin(angle) for index, angle in enumerate(angles)])
    return torch.tensor(rows)


@covers("clstoken")
@FEW
@given(data=st.data())
def test_clstoken(data):
    shape = vectors(Draw(data), least=1)
    compare("clstoken", shape, lambda: Prepended(shape[-1]))


@covers("parameter")
@FEW
@given(data=st.data())
def test_parameter(data):
    draw = Draw(data)
    shape = draw(st.lists(draw.number(1, 5, -1), min_size=1, max_size=4).map(tuple))
    compare(line("parameter", shape), (3,), lambda: Learned(*shape), once=True)


@covers("layerscale")
@FEW
@given(data=st.data())
def test_layerscale(data):
    draw = Draw(data)
    shape = vectors(draw, least=1)
    compare("layerscale init=1e-6", shape, lambda: Scaled(shape[-1], -1), layout="features-last")
    axis = draw(draw.number(0, len(shape) - 1, len(shape)))
    compare(line("layerscale", axis=axis), shape, lambda: Scaled(shape[axis], axis + 1))
    shape = draw.shape(draw.of(1, 2, 3))
    compare(["maxpool 1", "layerscale"], shape, lambda: Scaled(shape[0], 1))


def test_additions_and_products_are_counted_for_each_element():
    assert layer("linear 7", (5, 3)).other_flops == 5 * 7
    assert layer("linear 7 bias=false", (5, 3)).other_flops == 0
    assert layer("posembed", (5, 3)).other_flops == layer("layerscale axis=-1", (5, 3)).other_flops == 5 * 3
    assert layer("embedding 9 dim=4", (5,)).other_flops == layer("clstoken", (5, 3)).other_flops == 0
