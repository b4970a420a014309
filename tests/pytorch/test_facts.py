"""The facts that the lecture works out by hand, with the modules that `archcalc build` writes."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archcalc
from tests.pytorch.specs import path


def module(case: str) -> nn.Module:
    return archcalc.load(path(case)).to_torch()


def test_the_convolution_of_the_lecture() -> None:
    image = torch.tensor([[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]])
    net = module("convolution")
    with torch.no_grad():
        net.conv.weight[0, 0] = torch.tensor([[0, 1, 2], [2, 2, 0], [0, 1, 2]])
        y = net(image[None, None].float())
    assert y.tolist() == [[[[12, 12, 17], [10, 17, 19], [9, 6, 14]]]]


@pytest.mark.parametrize(("case", "gradients"), [("graph-xxy", (2, 1)), ("graph-xy", (1, 1))])
def test_gradients_of_a_shared_operand(case: str, gradients: tuple[int, int]) -> None:
    x, y = torch.tensor([[3.0]], requires_grad=True), torch.tensor([[5.0]], requires_grad=True)
    z = module(case)(x, y)
    z.backward()
    assert (x.grad.item(), y.grad.item()) == gradients
    assert z.item() == gradients[0] * 3 + gradients[1] * 5


def test_tied_weights_are_one_tensor() -> None:
    text = """
model: tied
hparams: {width: 8}
input: [5]
layers:
  - embedding vocab=11 dim=width name=tokens
  - linear width
  - linear 11 tie=tokens name=logits
"""
    net = archcalc.loads(text)
    made = net.to_torch()
    assert made.tokens.weight is made.logits.weight
    assert sum(p.numel() for p in made.parameters()) == net.params == 11 * 8 + (8 * 8 + 8) + 11
    made(torch.randint(11, (2, 5))).sum().backward()
    assert made.tokens.weight.grad is made.logits.weight.grad


def test_a_tied_tower_is_one_module() -> None:
    text = """
model: twins
input: {left: [6], right: [6]}
blocks:
  tower: [linear 4, tanh]
layers:
  - tower from=left name=a
  - tower from=right tie=a name=b
  - sub: [a, b]
"""
    net = archcalc.loads(text).to_torch()
    x = torch.randn(3, 6)
    assert net(x, x).abs().max() == 0
    assert [name for name, _ in net.named_parameters()] == ["a.linear.weight", "a.linear.bias"]


def test_the_net_of_the_lecture_learns() -> None:
    torch.default_generator.manual_seed(0)
    x = torch.randn(200, 10)
    x[:, 0] += torch.where(x[:, 0] > 0, 0.5, -0.5)  # a gap between the classes
    classes = (x[:, 0] > 0).long()
    net = module("net")
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5)
    losses = []
    for _ in range(300):
        loss = nn.functional.nll_loss(net(x), classes)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.5
    assert losses[-1] < 0.1
    assert (net(x).argmax(dim=1) == classes).all()
