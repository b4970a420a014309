"""The length of token sequences is a dim where two readings agree on what follows from it, and a number elsewhere."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from archcalc.cost import Costs
from archcalc.diagnostics import Source
from archcalc.network.load import build_graph
from archcalc.pytorch.capture.examples import Example
from tests.each import each

from .test_calls import Of, read


def words(length: int, name: str = "input") -> Example:
    return Example(name, (length,), torch.long)


def _pairs(self, x):
    """Two tokens as one, with a zero behind an odd last one."""
    x = self.embed(x)
    x = F.pad(x, (0, 0, 0, x.shape[1] % 2))
    return self.last(x.reshape(x.shape[0], -1, 12))


def _steps(self, x):
    """A cell, step by step."""
    state = x.new_zeros((x.shape[0], 6), dtype=torch.float)
    for step in range(x.shape[1]):
        state = self.cell(self.embed(x[:, step]), state)
    return self.last(state)


def _tokens(**parts):
    return {"embed": nn.Embedding(32, 6), "last": nn.Linear(6, 32), **parts}


def _attention(self, x):
    """Scores by hand under a mask of its own, with positions."""
    x = self.embed(x) + self.places(torch.arange(x.shape[1]))
    scores = (x @ x.transpose(1, 2)).masked_fill(torch.ones(x.shape[1], x.shape[1]).tril() == 0, -torch.inf)
    return self.last(scores.softmax(-1) @ x)


DIMS = {
    "attention": Of(_attention, **_tokens(places=nn.Embedding(64, 6))),
    "steps": Of(_steps, **_tokens(cell=nn.GRUCell(6, 6))),
    "rows": Of(lambda self, x: self.last(self.embed(x).reshape(-1, 6).view(x.shape[0], -1, 6)), **_tokens()),
}
# Rows that are cut are written with their number: half of an odd length tells which half it is.
DIMS["half"] = Of(lambda self, x: self.last(self.embed(x)[:, : x.shape[1] // 2]), **_tokens())
NUMBERS = {
    "larger half": Of(lambda self, x: self.last(self.embed(x)[:, : (x.shape[1] + 1) // 2]), **_tokens()),
    "pairs": Of(_pairs, embed=nn.Embedding(32, 6), last=nn.Linear(12, 4)),
    "full": Of(lambda self, x: self.last(self.embed(x).flatten(1)), embed=nn.Embedding(32, 6), last=nn.Linear(192, 4)),
}


@each(DIMS)
def test_numbers_at_further_lengths_are_those_of_the_module(name):
    reading = read(DIMS[name], words(32))
    assert "dims: {seq: 32}\ninput: [seq]" in reading.text, reading.text
    for length in (13, 47):
        costs = Costs(build_graph(Source("net", reading.spec.replace("seq: 32", f"seq: {length}"))))
        its = read(DIMS[name], words(length)).comparison
        assert (costs.totals.params, costs.totals.macs) == (its.params[1], its.macs[1])
        assert [list(map(int, one.shape)) for one in costs.graph.outputs.values()] == its.outputs[1]


@each(NUMBERS)
def test_a_length_that_decides_more_than_sizes_stays_a_number(name):
    reading = read(NUMBERS[name], words(32))
    assert reading.comparison.equal
    assert "input: [32]" in reading.text, reading.text


def test_inputs_of_two_lengths_have_a_dim_each():
    both = Of(lambda self, x, y: self.embed(x) @ self.embed(y).transpose(1, 2), embed=nn.Embedding(32, 6))
    assert "dims: {input_len: 32, other_len: 16}" in read(both, words(32), words(16, "other")).text
    assert "dims: {seq: 16}" in read(both, words(16), words(16, "other")).text


def test_a_number_that_equals_the_length_stays_one():
    text = read(Of(lambda self, x: self.embed(x), embed=nn.Embedding(32, 32)), words(32)).text
    assert "embedding 32 dim=32" in text
    assert "input: [seq]" in text
