"""Rotary positions whose pairs lie in other ways than in `rope`, or turn the other way: attention takes them in."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional as F

from archcalc.pytorch.capture.outputs import compare
from tests.each import each

from .test_calls import Of, read
from .test_rotary import STEPS, WIDTH, Attention, angles


class Ways(Attention):
    """Rotations by `cos` and `sin` with a number for each pair, [positions, 1, pairs]; `norm` follows, with no factors."""

    def __init__(self, way, norm=False):
        super().__init__(2, late=True)
        self.way, self.norm = way, norm
        self.cos, self.sin = (one[:, : self.size // 2] for one in (self.cos, self.sin))
        self.turns = torch.complex(self.cos, self.sin)

    def rotate(self, x):
        x = WAYS[self.way](x, self.cos[:, None], self.sin[:, None], self.turns[:, None])
        return F.rms_norm(x, x.shape[-1:], eps=1e-5) if self.norm else x


def halves(x, cos, sin, _):
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


def halves_back(x, cos, sin, _):
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    return torch.cat((a * cos + b * sin, a * -sin + b * cos), -1)


def complex_numbers(x, cos, sin, turns):
    return torch.view_as_real(torch.view_as_complex(x.reshape(*x.shape[:-1], -1, 2)) * turns).flatten(3)


def stacked(x, cos, sin, _):
    a, b = x.reshape(*x.shape[:-1], -1, 2).unbind(-1)
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(3)


def every_second(x, cos, sin, _):
    cos, sin = (one.repeat_interleave(2, -1) for one in (cos, sin))
    return x * cos + torch.stack((-x[..., 1::2], x[..., ::2]), -1).flatten(-2) * sin


def back_at_once(x, cos, sin, _):
    a, b = x.chunk(2, -1)
    return x * torch.cat((cos, cos), -1) + torch.cat((b, -a), -1) * torch.cat((sin, sin), -1)


def into_halves(x, cos, sin, _):
    a, b = x[..., ::2], x[..., 1::2]
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


WAYS = {one.__name__: one for one in (
    halves, halves_back, complex_numbers, stacked, every_second, back_at_once, into_halves
)}  # fmt: skip


@each([(way, False) for way in WAYS] + [("halves_back", True)])
def test_other_pairs_and_directions_are_the_same_layer(case):
    way, norm = case
    text = compared(Ways(way, norm)).partition("layers:\n")[2]
    norms = " qknorm=unscaled qknorm_eps=1e-5" if norm else ""
    assert text.startswith(f"  - attention 4 causal=true kv_heads=2 rope=10000{norms}\nexpect")


@each(("halves_back", "every_second", "into_halves"))
def test_rotations_outside_attention_put_pairs_in_order(way):
    module = Of(lambda m, x: WAYS[way](m.a(x).view(*x.shape[:-1], 2, 8), m.cos, m.sin, None), a=nn.Linear(WIDTH, 16))
    table = angles(STEPS, 8)[:, None, :4]
    module.register_buffer("cos", table.cos())
    module.register_buffer("sin", table.sin())
    text = compared(module)
    assert ", rope" in text
    assert ("roll" in text, " t=2" in text) == (way == "halves_back", way != "halves_back")


def compared(module):
    """The spec of a module, which gives the same as the module."""
    reading = read(module, (STEPS, WIDTH))
    reading.real = lambda: copy.deepcopy(module)
    compare(reading)
    assert reading.comparison.checked.startswith("outputs equal"), reading.comparison.checked
    return reading.text
