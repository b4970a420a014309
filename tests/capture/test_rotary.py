"""Rotary positions and grouped keys, in the ways in which people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from archcalc.cost import Costs
from archcalc.diagnostics import Source
from archcalc.network.load import build_graph
from archcalc.pytorch.capture.live import read
from archcalc.pytorch.capture.outputs import compare
from archcalc.pytorch.capture.reading import read as read_named

STEPS, WIDTH, HEADS = 12, 32, 4


def angles(positions, size, theta=10000.0, shift=0, factor=1.0):
    rates = 1.0 / theta ** (torch.arange(0, size, 2).float() / size)
    turned = torch.outer(torch.arange(positions).float() + shift, rates * factor)
    return torch.cat((turned, turned), -1)


def turn(x):
    first, second = x.chunk(2, -1)
    return torch.cat((-second, first), -1)


def sliced_turn(x):
    half = x.shape[-1] // 2
    return torch.cat((-x[..., half:], x[..., :half]), -1)


class Attention(nn.Module):
    """As most decoders have it; `part` of the features of a head rotate, `late` swaps positions and heads after that."""

    def __init__(self, groups=HEADS, part=1.0, late=False, turn=turn, table=angles, wide=WIDTH, **given):
        super().__init__()
        self.groups, self.late, self.turn = groups, late, turn
        self.size = wide // HEADS
        self.dim = int(self.size * part)
        self.q = nn.Linear(wide, wide)
        self.k = nn.Linear(wide, groups * self.size)
        self.v = nn.Linear(wide, groups * self.size)
        self.o = nn.Linear(wide, wide)
        found = table(STEPS, self.dim, **given)
        self.register_buffer("cos", found.cos(), persistent=False)
        self.register_buffer("sin", found.sin(), persistent=False)

    def rotate(self, x):
        cos, sin = (self.cos[:, None], self.sin[:, None]) if self.late else (self.cos, self.sin)
        if self.dim == self.size:
            return x * cos + self.turn(x) * sin
        first, rest = x[..., : self.dim], x[..., self.dim :]
        return torch.cat((first * cos + self.turn(first) * sin, rest), -1)

    def forward(self, x):
        batch, steps, _ = x.shape
        q, k, v = (f(x).view(batch, steps, -1, self.size) for f in (self.q, self.k, self.v))
        if self.late:
            q, k = self.rotate(q).transpose(1, 2), self.rotate(k).transpose(1, 2)
        else:
            q, k = self.rotate(q.transpose(1, 2)), self.rotate(k.transpose(1, 2))
        v = v.transpose(1, 2)
        times = HEADS // self.groups
        if times > 1:
            k, v = (one[:, :, None].expand(-1, -1, times, -1, -1).reshape(batch, HEADS, steps, -1) for one in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o(y.transpose(1, 2).reshape(batch, steps, -1))


def told(module):
    """The spec of a module, which has all its parameters."""
    text = read(module, ((STEPS, module.q.in_features),), train=False)
    assert Costs(build_graph(Source("x", text))).totals.params == sum(one.numel() for one in module.parameters())
    return text.partition("layers:")[2]


@pytest.mark.parametrize("how", [turn, sliced_turn])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("groups", [HEADS, 2, 1])
def test_one_layer(how, late, groups):
    text = told(Attention(groups, turn=how, late=late, theta=5000.0))
    assert "attention 4" in text
    assert "rope=5000" in text
    assert text.count("- ") == 1
    assert (f"kv_heads={groups}" in text) is (groups < HEADS)


@pytest.mark.parametrize("late", [False, True])
def test_some_features(late):
    assert "rope_dim=8" in told(Attention(part=0.5, late=late, wide=64))


@pytest.mark.parametrize("theta", [100, 10000, 500000, 1000000])
def test_the_base_is_read_from_the_table(theta):
    assert f"rope={theta}" in told(Attention(theta=float(theta)))


def test_values(tmp_path):
    """What --check compares: with the same weights the same outputs, to double precision."""
    (tmp_path / "net.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    for arguments in ({"groups": "2", "part": "0.5"}, {"late": "true"}, {"theta": "300"}):
        reading = read_named(f"{tmp_path}/net.py:Attention", [f"{STEPS}x{WIDTH}"], arguments)
        compare(reading)
        assert "rope" in reading.text
        assert reading.comparison.checked.startswith("outputs equal"), reading.comparison.checked


def swapped(steps, size):
    return angles(steps, size).flip(0)


def random(steps, size):
    return torch.rand(steps, size)


@pytest.mark.parametrize(
    ("table", "given"), [(swapped, {}), (random, {}), (angles, {"shift": 3}), (angles, {"factor": 0.5})]
)
def test_other_tables_are_no_rotary_positions(table, given):
    assert "rope" not in told(Attention(table=table, **given))


def slower(steps, size):
    """Frequencies of far positions are lower, as models for long texts have them."""
    rates = 1.0 / 10000.0 ** (torch.arange(0, size, 2).float() / size)
    turned = torch.outer(torch.arange(steps).float(), torch.where(torch.arange(len(rates)) < 2, rates, rates / 8))
    return torch.cat((turned, turned), -1)


def test_scaled_frequencies_are_told():
    module = Attention(table=slower)
    assert "rope=10000" in told(module)
    assert "scaling of rotary frequencies" in read(module, ((STEPS, WIDTH),), train=False)
