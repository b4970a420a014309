"""Masks and positions that a model makes for itself, in the ways in which people write them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from archcalc.pytorch.capture.live import read
from archcalc.pytorch.capture.outputs import compare
from archcalc.pytorch.capture.reading import read as read_named

STEPS, WIDTH, HEADS = 12, 16, 2
MOST = 20


class Attention(nn.Module):
    """As in a small GPT: a mask of its own for as many positions as there may be."""

    def __init__(self, way="masked_fill"):
        super().__init__()
        self.way = way
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.register_buffer("mask", torch.tril(torch.ones(MOST, MOST)))
        self.later = torch.triu(torch.ones(MOST, MOST, dtype=torch.bool), 1)  # no buffer

    def masked(self, scores):
        n = scores.shape[-1]
        seen = self.mask[:n, :n]
        if self.way == "masked_fill":
            return scores.masked_fill(seen.view(1, 1, n, n) == 0, float("-inf"))
        if self.way == "attribute":
            return scores.masked_fill(self.later[:n, :n], -1e9)
        if self.way == "where":
            return torch.where(seen.bool(), scores, torch.finfo(scores.dtype).min)
        if self.way == "added":
            return scores + torch.full((n, n), float("-inf"), device=scores.device).triu(1)
        if self.way == "window":
            near = torch.tril(torch.ones(n, n, device=scores.device)).triu(-3)
            return scores.masked_fill(near == 0, float("-inf"))
        if self.way == "earlier":
            return scores.masked_fill(seen.T == 0, float("-inf"))
        if self.way == "both sides":
            near = torch.ones(n, n, device=scores.device).tril(2).triu(-2)
            return scores.masked_fill(near == 0, float("-inf"))
        assert self.way == "slope"
        return scores + self.mask[:n, :n].cumsum(0)

    def forward(self, x):
        batch, n, width = x.shape
        q, k, v = (one.view(batch, n, HEADS, -1).transpose(1, 2) for one in self.qkv(x).split(width, dim=2))
        scores = self.masked(q @ k.transpose(-2, -1) * (width // HEADS) ** -0.5)
        return self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(batch, n, width))


def told(module, *sizes, dtype=torch.float32):
    return read(module, (torch.zeros(2, *sizes, dtype=dtype),), train=False).partition("layers:")[2]


@pytest.mark.parametrize("way", ["masked_fill", "attribute", "where", "added"])
def test_a_mask_of_what_comes_later_is_causal(way):
    text = told(Attention(way), STEPS, WIDTH)
    assert text.startswith(f"\n  - attention {HEADS} causal=true\n"), text


def test_a_window_of_what_came_before():
    assert f"- attention {HEADS} causal=true window=4\n" in told(Attention("window"), STEPS, WIDTH)


@pytest.mark.parametrize("way", ["earlier", "both sides", "slope"])
def test_other_tables_are_added_to_the_scores(way):
    text = told(Attention(way), STEPS, WIDTH)
    assert "causal" not in text
    assert "relbias" in text


class Tokens(nn.Module):
    def __init__(self, order="forward"):
        super().__init__()
        self.order = order
        self.tokens, self.positions = nn.Embedding(30, WIDTH), nn.Embedding(MOST, WIDTH)

    def forward(self, x):
        index = torch.arange(x.shape[1], device=x.device)
        if self.order == "from two":
            index = index + 2
        elif self.order == "backward":
            index = index.flip(0)
        elif self.order == "batch":
            index = index.unsqueeze(0)
        return self.tokens(x) + self.positions(index)


class Rows(nn.Module):
    """The first rows of a table that is a parameter."""

    def __init__(self, start=0):
        super().__init__()
        self.start, self.table = start, nn.Parameter(torch.zeros(1, MOST, WIDTH))

    def forward(self, x):
        return x + self.table[:, self.start : self.start + x.shape[1]]


def test_the_first_rows_of_a_parameter():
    assert told(Rows(), STEPS, WIDTH).startswith(f"\n  - posembed length={MOST}\n")
    assert "posembed" not in told(Rows(2), STEPS, WIDTH)


class Draws(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


class DrawsInTraining(nn.Linear):
    """As an autoencoder does: the numbers are drawn, and only training uses them."""

    def __init__(self):
        super().__init__(4, 4)

    def forward(self, x):
        noise = torch.randn_like(x)
        return super().forward(x + noise if self.training else x)


def test_outputs_with_random_numbers_are_not_compared(tmp_path):
    (tmp_path / "net.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    reading = read_named(f"{tmp_path}/net.py:Draws", ["4"])
    compare(reading)
    assert reading.comparison.checked == "outputs are not compared: the module draws random numbers"
    assert not reading.comparison.wrong
    reading = read_named(f"{tmp_path}/net.py:DrawsInTraining", ["4"])
    compare(reading)
    assert reading.comparison.checked.startswith("outputs equal")


@pytest.mark.parametrize("order", ["forward", "batch"])
def test_positions_counted_from_zero_are_a_layer(order):
    text = told(Tokens(order), STEPS, dtype=torch.long)
    assert text.startswith(f"\n  - [embedding 30 dim={WIDTH}, posembed length={MOST}]"), text


@pytest.mark.parametrize("order", ["from two", "backward"])
def test_other_positions_are_looked_up(order):
    assert "posembed" not in told(Tokens(order), STEPS, dtype=torch.long)


@pytest.mark.parametrize(
    ("name", "given"), [("Attention", way) for way in ("masked_fill", "added", "window", "both sides")]
    + [("Tokens", "forward"), ("Tokens", "from two")]
)  # fmt: skip
def test_values(tmp_path, name, given):
    """What --check compares: with the same weights the same outputs."""
    (tmp_path / "net.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    inputs = [f"{STEPS}x{WIDTH}" if name == "Attention" else f"{STEPS}:int"]
    reading = read_named(f"{tmp_path}/net.py:{name}", inputs, {"way" if name == "Attention" else "order": given})
    compare(reading)
    assert reading.comparison.checked.startswith("outputs equal"), reading.comparison.checked


class Picture(nn.Module):
    """Which of the usual sizes it takes, its last layer decides."""

    def __init__(self):
        super().__init__()
        self.stem, self.head = nn.Conv2d(1, 2, 3), nn.Linear(2 * 26 * 26, 3)

    def forward(self, x):
        return self.head(F.relu(self.stem(x)).flatten(1))


class Never(Picture):
    def forward(self, x):
        return self.head(x.reshape(len(x), 7))


def test_a_guess_is_a_size_that_runs(tmp_path):
    (tmp_path / "net.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    reading = read_named(f"{tmp_path}/net.py:Picture")
    assert reading.guessed
    assert "input: [1, 28, 28]" in reading.text
    assert "dims: {seq: 16}" in read_named(f"{tmp_path}/net.py:Tokens").text
    with pytest.raises(
        Exception, match=r"the input is a guess, --input 1x224x224: `archcalc import .*net.py:Never` takes"
    ):
        read_named(f"{tmp_path}/net.py:Never")
