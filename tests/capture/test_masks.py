"""Truths of data: comparisons, masks that they make, and attention that hides what they say, with equal outputs."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from archcalc.pytorch.capture.examples import Example

from .test_calls import Of, parameter, read
from .test_outputs import checked

SEEN = Example("seen", (6,))


def _written(m, x):
    """A number, and a vector for whole rows, where data says it."""
    y = m.a(x)
    y[x > 1] = 0.5
    y[x[..., 0] > 0] = torch.ones(8)
    y[x < -1] = 0
    return y


COMPARED = {
    "more than": lambda m, x: m.a(x) * (x > 0.2),
    "less than another": lambda m, x: m.a(x) * (x < m.a(x)).float(),
    "from a number on": lambda m, x: m.a(x) * x.ge(0.1).float() + (x <= -0.3).to(x.dtype),
    "equal to its largest": lambda m, x: m.a(x) * (x == x.amax(-1, keepdim=True)),
    "neither this nor that": lambda m, x: m.a(x) * (~((x > 0.5) | (x < -0.5)) & (x != 0)),
    "filled": lambda m, x: m.a(x).masked_fill(x < 0, 0.5).masked_fill(x > 1, 0),
    "chosen": lambda m, x: torch.where(x > 0, m.a(x), x) + torch.where(x > 1, 2.0, m.a(x)),
    "written": lambda m, x: _written(m, x),
    "where any is": lambda m, x: m.a(x) * (x > 1).any(dim=-1, keepdim=True) + m.a(x) * (x > -1).all(-1, keepdim=True),
}


@pytest.mark.parametrize("name", COMPARED)
def test_comparisons(name):
    comparison = checked(Of(COMPARED[name], a=nn.Linear(8, 8)), (6, 8))
    assert comparison.checked.startswith("outputs equal"), (comparison.checked, list(comparison.lines(name)))
    assert not comparison.declared


def by_hand(m, x, seen):
    """Two heads, with padding hidden."""
    q, k, v = (one(x).view(len(x), 6, 2, 4).transpose(1, 2) for one in (m.q, m.k, m.v))
    scores = q @ k.transpose(-2, -1) / math.sqrt(4)
    scores = scores.masked_fill((seen > 0)[:, None, None, :] == 0, m.far)
    return m.o((scores.softmax(-1) @ v).transpose(1, 2).reshape(len(x), 6, 8))


def multihead(m, x, seen):
    return m.a(x, x, x, key_padding_mask=seen <= -2)[0]


def encoder(m, x, seen):
    return m.a(x, src_key_padding_mask=seen < -2)


MAPS = {letter: nn.Linear(8, 8) for letter in "qkvo"}
LAYER = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
ATTENTION = {
    "far below": (by_hand, {**MAPS, "far": -1e9}),
    "minus infinity": (by_hand, {**MAPS, "far": -math.inf}),
    "multihead": (multihead, {"a": nn.MultiheadAttention(8, 2, batch_first=True)}),
    "encoder": (encoder, {"a": nn.TransformerEncoder(LAYER, 2, enable_nested_tensor=False)}),
}


@pytest.mark.parametrize("name", ATTENTION)
def test_attention_with_padding_that_data_says(name):
    function, parts = ATTENTION[name]
    module = Of(function, **parts)
    inputs = Example("x", (6, 8)), SEEN
    text = read(module, *inputs).text
    assert "attention 2" in text
    assert "mask=" in text
    comparison = checked(module, *inputs)
    assert comparison.checked.startswith("outputs equal"), (comparison.checked, text)


def test_scores_of_data_that_hide_nothing_stay_scores():
    """A factor that is small, or numbers that are no truths, are added."""

    def forward(m, x, seen):
        q = m.q(x)
        scores = q @ m.k(x).transpose(-2, -1) / math.sqrt(8) - 1e9 * seen[:, None] ** 2
        return scores.softmax(-1) @ m.v(x) + m.p

    text = read(Of(forward, **MAPS, p=parameter(8)), Example("x", (6, 8)), SEEN).text
    assert "mask=" not in text


def test_comparisons_of_tokens_are_one_opaque_layer_each():
    """What computes reads no token ids; what is made of the truths is known all the same."""

    def forward(m, x):
        return m.a(m.e(x), src_key_padding_mask=x == 0)

    module = Of(forward, e=nn.Embedding(20, 8), a=nn.TransformerEncoder(LAYER, 2, enable_nested_tensor=False))
    reading = read(module, Example("x", (6,), torch.long))
    assert [what for _, what in reading.comparison.declared] == ["eq"]
    assert reading.comparison.equal


def test_functions_by_other_names():
    module = Of(lambda m, x: F.relu(m.a(x)) * torch.greater(x, 0) * torch.not_equal(x, 1), a=nn.Linear(8, 8))
    assert not read(module, (6, 8)).comparison.declared
