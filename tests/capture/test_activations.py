"""Activations that are written by hand are those of the language, with equal outputs; what is only like them is not."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from archcalc.layers import REGISTRY
from archcalc.layers.activation import Activation
from archcalc.pytorch.instance import instantiate
from tests.each import each
from tests.layers.oracle import graph

from .test_calls import Of, read
from .test_outputs import checked

ROOT = math.sqrt(2 / math.pi)
BY_HAND = {
    "silu": lambda x: x * torch.sigmoid(x),
    "mish": lambda x: x * torch.tanh(F.softplus(x)),
    "hardswish": lambda x: x * F.relu6(x + 3) / 6,
    "hardswish ": lambda x: x * (F.relu6(x + 3) / 6),
    "gelu": lambda x: x * 0.5 * (1.0 + torch.erf(x / math.sqrt(2.0))),
    "gelu approximate=tanh": lambda x: 0.5 * x * (1 + torch.tanh(ROOT * (x + 0.044715 * torch.pow(x, 3)))),
    "gelu approximate=tanh ": lambda x: 0.5 * x * (1 + torch.tanh(x * ROOT * (1 + 0.044715 * x * x))),
    "softmax": lambda x: F.softmax(x - x.amax(-1, keepdim=True), -1),
    "softmax ": lambda x: (y := torch.exp(x - x.amax(-1, keepdim=True).detach())) / y.sum(-1, keepdim=True),
}
NOT_QUITE = {
    "sigmoid of something else": lambda x: x * torch.sigmoid(x.flip(1)),
    "another factor": lambda x: x * torch.sigmoid(1.702 * x),
    "another cubic": lambda x: 0.5 * x * (1 + torch.tanh(ROOT * (x + 0.05 * torch.pow(x, 3)))),
    "read elsewhere": lambda x: x * (y := torch.sigmoid(x)) + y,
    "another sum": lambda x: (y := torch.exp(x)) / y.sum(1, keepdim=True),
    "another shift": lambda x: x * F.relu6(x + 2) / 6,
}


@pytest.mark.parametrize("name", BY_HAND)
def test_activations_by_hand(name):
    module = Of(lambda m, x: m.b(BY_HAND[name](m.a(x))), a=nn.Linear(8, 8), b=nn.Linear(8, 8))
    text = read(module, (5, 8)).text
    assert f"[linear 8, {name.strip()}, linear 8]" in text
    assert checked(module, (5, 8)).checked.startswith("outputs equal")


@pytest.mark.parametrize("name", NOT_QUITE)
def test_what_is_like_them(name):
    module = Of(lambda m, x: NOT_QUITE[name](m.a(x)), a=nn.Linear(8, 8))
    text = read(module, (5, 8)).text
    assert not any(f"{one}" in text for one in ("silu", "gelu", "hardswish", "softmax,"))
    assert checked(module, (5, 8)).checked.startswith("outputs equal")


@each(
    [
        op
        for op, layer in REGISTRY.items()
        if issubclass(layer, Activation) and not any(key.required for key in layer.arguments.values())
    ]
)
def test_what_build_writes_is_read_as_the_same_layer(op):
    text = read(instantiate(graph(op, (6, 4))), (6, 4)).text
    assert f"layers:\n  - {op}\n" in text, f"give it a reader in archcalc/tracing/operations/: {text}"
