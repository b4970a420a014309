"""What a written module computes, beside PyTorch's own: the same weights, inputs and numbers that come out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from archcalc.network.load import Graph
from archcalc.pytorch.instance import example_inputs, instantiate

# How far values may be apart, which are computed in double precision; and where angles are single numbers.
_CLOSE = {"rtol": 1e-7, "atol": 1e-9}
_LOOSE = {"rtol": 1e-4, "atol": 1e-5}

Pairs = list[tuple[str, torch.Tensor, torch.Tensor]]


def difference(graph: Graph, make: Callable[[], Any], loose: bool = False) -> str:
    """Where the module written for `graph` computes otherwise than what `make` gives; "" where it does not.

    Compared are outputs and gradients, at inference and in training, from the same random weights.

    Args:
        graph: a network whose outputs are those of the reference, in its order.
        loose: some numbers are computed in single precision.
    """
    torch.default_generator.manual_seed(0)
    ours, theirs = instantiate(graph).double(), make()
    theirs = theirs.double() if isinstance(theirs, nn.Module) else theirs
    inputs = [x.double().requires_grad_() if x.is_floating_point() else x for x in example_inputs(graph)]
    weights = [
        (name, x.requires_grad_(), x.clone().detach().requires_grad_())
        for name, x in zip(graph.inputs, inputs)
        if x.is_floating_point()
    ]
    weights += _shared(ours, theirs)
    others = [next((b for _, a, b in weights if a is x), x) for x in inputs]
    for training in (False, True):
        one, other = _run(ours, inputs, training), _run(theirs, others, training)
        pairs = list(zip((f"output {name}" for name in graph.outputs), one, other))
        pairs += [(f"gradient of {name}", _gradient(a), _gradient(b)) for name, a, b in weights]
        assert len(one) == len(other) == len(graph.outputs)
        for name, a, b in pairs:
            if a.shape != b.shape or not torch.allclose(a, b, **(_LOOSE if loose else _CLOSE), equal_nan=True):
                return f"{name}{' in training' * training} is another: {a.flatten()[:4]} and {b.flatten()[:4]}"
    return ""


def _shared(ours: nn.Module, theirs: Any) -> Pairs:
    """The parameters of both, which get the same random numbers, as do their buffers."""
    learned: Pairs = []
    for kind in (nn.Module.named_parameters, nn.Module.named_buffers):
        for name, a, b in _paired(dict(kind(ours)), dict(kind(theirs)) if isinstance(theirs, nn.Module) else {}):
            assert a.shape == b.shape, name
            if a.is_floating_point():
                value = torch.randn_like(a) if kind is nn.Module.named_parameters else torch.rand_like(a) + 0.5
                a.data.copy_(value)
                b.data.copy_(value)
            if isinstance(a, nn.Parameter):
                learned.append((name, a, b))
    return learned


def _paired(
    ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]
) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """By the last part of their names where that tells them apart, else in their order."""
    assert len(ours) == len(theirs), (list(ours), list(theirs))
    found = {name: [mine for mine in ours if mine == name or mine.endswith(f".{name}")] for name in theirs}
    if any(len(names) != 1 for names in found.values()):
        found = {name: [mine] for name, mine in zip(theirs, ours)}
    for name, (mine,) in found.items():
        yield name, ours[mine], theirs[name]


def _run(module: Any, inputs: list[torch.Tensor], training: bool) -> list[torch.Tensor]:
    """The outputs; gradients are left at the inputs and parameters."""
    if isinstance(module, nn.Module):
        module.train(training).zero_grad()
    for x in inputs:
        x.grad = None
    torch.default_generator.manual_seed(1)
    result = module(*inputs)
    outputs = list(result.values()) if isinstance(result, Mapping) else result
    outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    weighted = [y * torch.linspace(-1, 1, y.numel(), dtype=torch.float64).reshape(y.shape) for y in outputs]
    total = torch.stack([y.sum() for y in weighted]).sum()
    if total.requires_grad:
        total.backward()
    return [y.detach() for y in outputs]


def _gradient(x: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(x) if x.grad is None else x.grad.clone()
