"""Examples of rules as modules of PyTorch, and their gradients."""

from __future__ import annotations

import torch
from torch import nn

import archcalc
from archcalc.rules.check import load_rules

RULES = load_rules()


def example(code: str) -> str:
    return RULES[code].section("Example")


def module(text: str, seed: int = 0) -> nn.Module:
    torch.default_generator.manual_seed(seed)
    return archcalc.loads(text).to_torch().double()


def input_of(text: str, batch: int = 3) -> torch.Tensor:
    return torch.randn(batch, *archcalc.loads(text).inputs["input"], dtype=torch.double, requires_grad=True)


def gradients(text: str, batch: int = 3) -> dict[str, torch.Tensor]:
    net, x = module(text), input_of(text, batch)
    y = net(x)
    (y * torch.randn_like(y)).sum().backward()
    return {name: parameter.grad for name, parameter in net.named_parameters()} | {"input": x.grad}


def spec(input: str, *layers: str) -> str:
    return f"model: m\ninput: [{input}]\nlayers:\n" + "".join(f"  - {layer}\n" for layer in layers)
