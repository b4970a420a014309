"""Imported convolutions whose filters are stored and not learned."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from archcalc.pytorch.capture.outputs import compare

from .test_calls import read


class Filtered(nn.Module):
    """A convolution, a fixed filter, a convolution."""

    def __init__(self, filters: torch.Tensor, **keys: int) -> None:
        super().__init__()
        self.before, self.after, self.keys = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 2, 1), keys
        self.register_buffer("filt", torch.empty_like(filters), persistent=False)
        self.filt.copy_(filters)
        self.shift = nn.Parameter(torch.randn(4))
        self.shifted = False

    def forward(self, x):
        x = F.pad(self.before(x), (1, 1, 1, 1), mode="reflect")
        bias = self.shift if self.shifted else None
        filters = self.filt.expand(4, *self.filt.shape[1:])
        return self.after(F.conv2d(x, filters, bias, **self.keys))


ROW = torch.tensor([1.0, 2, 1]) / 4
BLUR = (ROW[:, None] * ROW)[None, None]


def checked(module, *inputs):
    """The spec, where it gives what the module gives."""
    reading = read(module, *inputs)
    reading.real = lambda: copy.deepcopy(module)
    compare(reading)
    assert reading.comparison.equal
    assert reading.comparison.checked.startswith("outputs equal"), reading.comparison.checked
    return reading.text


@pytest.mark.parametrize("channels", [1, 4])
def test_a_filter_that_blurs_has_a_name(channels):
    text = checked(Filtered(BLUR.repeat(channels, 1, 1, 1), stride=2, groups=4), (3, 8, 8))
    assert "constant 1x1x3x3 kind=binomial" in text
    assert "opaque" not in text


def test_other_filters_are_constants():
    text = checked(Filtered(torch.randn(4, 2, 3, 3), groups=2), (3, 8, 8))
    assert "weight=" in text
    assert "opaque" not in text


def test_a_bias_is_added_behind():
    module = Filtered(BLUR.repeat(4, 1, 1, 1), groups=4)
    module.shifted = True
    assert "add:" in checked(module, (3, 8, 8))
