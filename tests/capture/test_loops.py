"""Loops that a module runs step by step are a `scan`, or `each`, with the outputs that the module has."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from archcalc.diagnostics import RequestError
from archcalc.pytorch.capture.examples import Example

from .test_calls import Of, parameter, read
from .test_outputs import checked


def gated(m, x):
    """A GRU by hand; the first step multiplies zeros."""
    h = torch.zeros(x.shape[0], 6)
    for one in x.unbind(1):
        z = torch.sigmoid(m.a(one) + m.b(h))
        h = (1 - z) * torch.tanh(m.c(torch.cat([one, h], 1))) + z * h
    return h


def stacked(m, x, steps=None):
    """Two cells at each step, all outputs."""
    first, second, found = (x.new_zeros(x.shape[0], 6), x.new_zeros(x.shape[0], 6)), x.new_zeros(x.shape[0], 5), []
    for step in steps or range(x.shape[1]):
        first = m.a(x[:, step], first)
        second = m.b(first[0], second)
        found.append(m.c(second).unsqueeze(1))
    return torch.cat(found if steps is None else found[::-1], 1), first[1]


def pictures(m, x):
    """Pictures one after the other, with a state of channels."""
    c = torch.zeros(x.shape[0], 4, 6, 6)
    for step in range(x.shape[1]):
        i, g = m.a(torch.cat([x[:, step], c], 1)).chunk(2, 1)
        c = c * i.sigmoid() + g.tanh()
    return c


def apart(m, x):
    """Each picture for itself."""
    return torch.stack([m.a(x[:, step]).relu().mean((2, 3)) for step in range(x.shape[1])], 1)


def decoded(m, x):
    """Nothing but states, each the input of the next step."""
    h, y, found = m.a(x), x[:, :3], []
    for _ in range(5):
        h = m.b(y, h)
        y = m.c(h)
        found.append(y)
    return torch.stack(found, 1)


def multiplied(m, x):
    """An LSTM by hand from two matrices; the first step multiplies zeros, and makes no view of them."""
    h, c, found = torch.zeros(len(x), 6), torch.zeros(len(x), 6), []
    for step in range(x.shape[1]):
        gates = x[:, step] @ m.w + h @ m.u
        c = c * gates[:, :6].sigmoid() + gates[:, 6:12].tanh()
        h = gates[:, 12:].sigmoid() * c.tanh()
        found.append(h.unsqueeze(0))
    return torch.cat(found).transpose(0, 1), c


def split(m, x):
    """A GRU by hand, whose first step takes its parts in another order."""
    h = torch.zeros(1, len(x), 6)[0]
    for step in range(x.shape[1]):
        (r, n), (s, k) = m.a(x[:, step]).chunk(2, 1), m.b(h).chunk(2, 1)
        h = h + torch.sigmoid(r + s) * (torch.tanh(n + k) - h)
    return h


def translated(m, x):
    """A token at a time, each embedded inside the loop."""
    h = m.c(m.e(x).mean(1))
    return torch.stack([h := m.b(m.e(x[:, step]), h) for step in range(x.shape[1])], 1)


CELLS = {"a": nn.LSTMCell(8, 6), "b": nn.GRUCell(6, 5), "c": nn.Linear(5, 3)}
NETWORKS = {
    "gated": (gated, {"a": nn.Linear(8, 6), "b": nn.Linear(6, 6), "c": nn.Linear(14, 6)}, (7, 8), "scan"),
    "multiplied": (multiplied, {"w": parameter(8, 18), "u": parameter(6, 18)}, (7, 8), "scan"),
    "split": (split, {"a": nn.Linear(8, 12), "b": nn.Linear(6, 12)}, (7, 8), "scan"),
    "stacked": (stacked, CELLS, (7, 8), "scan"),
    "backwards": (lambda m, x: stacked(m, x, range(6, -1, -1)), CELLS, (7, 8), "reverse"),
    "without the ends": (lambda m, x: stacked(m, x, range(1, 6))[1], CELLS, (7, 8), "scan"),
    "pictures": (pictures, {"a": nn.Conv2d(7, 8, 3, padding=1)}, (5, 3, 6, 6), "scan"),
    "apart": (apart, {"a": nn.Conv2d(3, 4, 3)}, (5, 3, 6, 6), "each"),
    "decoded": (decoded, {"a": nn.Linear(8, 6), "b": nn.GRUCell(3, 6), "c": nn.Linear(6, 3)}, (8,), "scan"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_outputs_are_equal(name):
    function, parts, sizes, word = NETWORKS[name]
    module = Of(function, **parts)
    assert f"{word}:" in read(module, sizes).text
    comparison = checked(module, sizes)
    assert comparison.checked.startswith("outputs equal"), comparison.checked
    assert comparison.equal


def test_tokens_are_taken_one_by_one():
    module = Of(translated, e=nn.Embedding(20, 4), b=nn.GRUCell(4, 6), c=nn.Linear(4, 6))
    tokens = Example("input", (7,), torch.long)
    assert "scan: {x: reshape}" in read(module, tokens).text
    assert checked(module, tokens).checked.startswith("outputs equal")


def test_steps_that_do_not_do_the_same_are_no_loop():
    """Every other step adds what the step before the last one gave."""

    def forward(m, x):
        found = [m.a(x[:, 0]), m.a(x[:, 1])]
        for step in range(2, 6):
            found.append(m.a(x[:, step] + found[-1 - step % 2]))
        return found[-1]

    module = Of(forward, a=nn.Linear(8, 8))
    assert "scan" not in read(module, (6, 8)).text
    assert checked(module, (6, 8)).checked.startswith("outputs equal")


def test_text_does_not_grow_with_the_steps():
    sizes = [read(Of(gated, **NETWORKS["gated"][1]), (steps, 8)).text.count("\n") for steps in (5, 40)]
    assert sizes[0] == sizes[1] < 25


def test_too_many_steps_are_told_with_what_helps(monkeypatch):
    monkeypatch.setattr("archcalc.network.expand.MAX_LAYERS", 50)
    with pytest.raises(RequestError, match=r"more than 50 layers; the source runs \d+ operations: with shorter inputs"):
        read(Of(gated, **NETWORKS["gated"][1]), (9, 8))
