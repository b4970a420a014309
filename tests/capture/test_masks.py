"""Truths of data: comparisons, masks that they make, and attention that hides what they say, with equal outputs."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from archcalc.pytorch.capture.examples import Example
from tests.each import each

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
    assert "mask=mask" in text
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


def padded(m, x):
    """Attention that sees no padding, and a mean without it."""
    seen = (x != 3).unsqueeze(-1).float()
    y = m.a(m.e(x), src_key_padding_mask=x == 3)
    return (y * seen).sum(1) / seen.sum(1).clamp(min=1)


def queries_too(m, x):
    """What comes later is hidden, and all scores of a query that is padding are alike."""
    seen = (x != 3)[:, None, :, None] & torch.tril(torch.ones(6, 6)).type(torch.uint8)
    q, k, v = (m.p[name](m.e(x)).unflatten(-1, (2, 4)).transpose(1, 2) for name in "qkv")
    return ((q @ k.transpose(2, 3) / 2).masked_fill(seen == 0, -10000).softmax(-1) @ v).transpose(1, 2).flatten(2)


def in_a_range(m, x):
    return m.e(x) * ((x > 3) & (x <= 15) | (x == 0)).int()[..., None]


def one_of(m, x):
    """A vector for the nearest entry of a table, found by a product with a 1 in its place; and one written."""
    near = (m.a(m.e(x)) @ m.t.T).argmax(-1)
    written = torch.zeros(len(x), 6, 7).scatter_(-1, near.unsqueeze(-1), 1)
    return F.one_hot(near, 7).float() @ m.t + written @ m.t.square()


def chosen(m, x):
    """Weights of the largest two of several, the others far below."""
    scores = m.a(m.e(x))
    top, places = scores.topk(2, -1)
    return torch.full_like(scores, -math.inf).scatter(-1, places, top).softmax(-1), scores.scatter_add(-1, places, top)


TOKENS = {"e": nn.Embedding(20, 8)}
OF_TOKENS = (
    (padded, TOKENS | {"a": nn.TransformerEncoder(LAYER, 2, enable_nested_tensor=False)}),
    (queries_too, TOKENS | {"p": nn.ModuleDict(MAPS)}),
    (in_a_range, TOKENS),
    (one_of, TOKENS | {"a": nn.Linear(8, 5), "t": parameter(7, 5)}),
    (chosen, TOKENS | {"a": nn.Linear(8, 5)}),
)


@each(OF_TOKENS)
def test_whole_numbers_are_looked_up(case):
    function, parts = case
    comparison = checked(Of(function, **parts), Example("x", (6,), torch.long))
    assert not comparison.declared
    assert comparison.checked.startswith("outputs equal"), comparison.checked


def test_comparisons_of_tokens_that_nothing_looks_up_are_opaque():
    """It is not known how many there are; what is made of the truths is known all the same."""

    def forward(m, x, y):
        return m.a(y, src_key_padding_mask=x == 0)

    module = Of(forward, a=nn.TransformerEncoder(LAYER, 2, enable_nested_tensor=False))
    reading = read(module, Example("x", (6,), torch.long), Example("y", (6, 8)))
    assert [what for _, what in reading.comparison.declared] == ["eq"]
    assert reading.comparison.equal


def test_functions_by_other_names():
    module = Of(lambda m, x: F.relu(m.a(x)) * torch.greater(x, 0) * torch.not_equal(x, 1), a=nn.Linear(8, 8))
    assert not read(module, (6, 8)).comparison.declared
