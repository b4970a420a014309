"""A hand-written spec compared with the module it describes."""

from __future__ import annotations

import torch

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError
from archcalc.network.load import Graph
from archcalc.pytorch.capture.examples import Example
from archcalc.pytorch.capture.finding import find
from archcalc.pytorch.capture.reading import runs
from archcalc.tracing.comparison import Comparison
from archcalc.tracing.lineup import line_up


def compared(graph: Graph, name: str) -> Comparison:
    """The numbers of both. Raises `RequestError` if the module cannot be run with inputs of the spec's sizes."""
    module = find(name, {}).module
    inputs = [
        Example(f"input{index}", tuple(map(int, x.shape)), torch.long if x.integer else torch.float32)
        for index, x in enumerate(graph.inputs.values())
    ]
    first, second = runs(module, inputs, name, False)
    line_up(first, second)
    if not first.calls:
        raise RequestError(f"{name!r} does nothing with its input")
    read = {value.name for call in first.calls for value in call.values() if value.source == "parameter"}
    inside = tuple(f"{call.scope.name}." for call in first.calls if call.module is not None)
    unread = {
        one: parameter.numel()
        for one, parameter in module.named_parameters()
        if one not in read and not one.startswith(inside)
    }
    return Comparison(Costs(graph), first, sum(one.numel() for one in module.parameters()), unread)
