"""specs/transformer-xl.yaml beside the paper's equations, with each distance looked up: the same values and gradients."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from archcalc.network.load import load_graph
from archcalc.pytorch.instance import instantiate
from tests.conftest import ROOT

VOCAB, WIDTH, HEADS, HEAD, FF, DEPTH, SEQ, MEMORY = 11, 8, 2, 4, 12, 2, 4, 3


def heads(x: Tensor, weight: Tensor) -> Tensor:
    return (x @ weight.T).unflatten(-1, (HEADS, HEAD)).transpose(-2, -3)


def wave(distance: int) -> Tensor:
    """Vaswani et al. 2017, with all sines before all cosines."""
    angles = [distance / 10000 ** (2 * index / WIDTH) for index in range(WIDTH // 2)]
    return torch.tensor([*map(math.sin, angles), *map(math.cos, angles)])


def attend(x: Tensor, before: Tensor, u: Tensor, v: Tensor, weights: list[Tensor]) -> Tensor:
    wq, wk, wv, wr, wo = weights
    seen = torch.cat([before, x], 1)
    q, k, values = heads(x, wq), heads(seen, wk), heads(seen, wv)
    scores = torch.full((len(x), HEADS, SEQ, MEMORY + SEQ), -torch.inf)
    for i in range(SEQ):
        for j in range(MEMORY + i + 1):
            r = heads(wave(MEMORY + i - j)[None], wr)[:, 0]
            content = ((q[:, :, i] + u[:, 0]) * k[:, :, j]).sum(-1)
            scores[:, :, i, j] = (content + ((q[:, :, i] + v[:, 0]) * r).sum(-1)) / math.sqrt(HEAD)
    return (scores.softmax(-1) @ values).transpose(1, 2).flatten(2) @ wo.T


def reference(ids: Tensor, kept: Tensor, weights: list[Tensor]) -> Tensor:
    u, v, table, *rest = weights
    x = table[ids] * math.sqrt(WIDTH)
    for index in range(DEPTH):
        *own, g1, b1, w1, c1, w2, c2, g2, b2 = rest[: 5 + 8]
        rest = rest[13:]
        x = F.layer_norm(x + attend(x, kept[:, index], u, v, own), (WIDTH,), g1, b1)
        x = F.layer_norm(x + F.relu(x @ w1.T + c1) @ w2.T + c2, (WIDTH,), g2, b2)
    return x @ table.T + rest[0]


def test_transformer_xl_is_its_equations() -> None:
    torch.manual_seed(0)
    sizes = {
        "vocab": VOCAB,
        "width": WIDTH,
        "heads": HEADS,
        "head": HEAD,
        "ff": FF,
        "depth": DEPTH,
        "seq": SEQ,
        "memory": MEMORY,
    }
    graph = load_graph(str(ROOT / "specs" / "transformer-xl.yaml"), {name: str(size) for name, size in sizes.items()})
    network = instantiate(graph)
    weights = list(network.parameters())
    for weight in weights:
        torch.nn.init.normal_(weight, std=0.5)
    ids, kept = torch.randint(VOCAB, (3, SEQ)), torch.randn(3, DEPTH, MEMORY, WIDTH)
    ours, theirs = network(ids, kept), reference(ids, kept, weights)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
    toward = torch.randn_like(ours)
    for one, other in zip(torch.autograd.grad(ours, weights, toward), torch.autograd.grad(theirs, weights, toward)):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=1e-3)
