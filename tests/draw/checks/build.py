"""The written module computes what its graph says: outputs and gradients, gone through layer by layer.

In double precision, as norms of nearly equal numbers enlarge errors; without dropout.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from archcalc.network.load import Graph
from archcalc.pytorch.instance import example_inputs, instantiate
from archcalc.pytorch.names import BuildError
from tests.draw.case import Case
from tests.draw.checks import Skipped, Wrong
from tests.draw.interpreter import Interpreter
from tests.outcome import NOT_BUILT

Named = dict[str, torch.Tensor]


def wrong(case: Case) -> Wrong | None:
    graph = case.graph()
    torch.default_generator.manual_seed(0)
    try:
        module = instantiate(graph).double().eval()
    except BuildError as error:
        if not any(reason in str(error) for reason in NOT_BUILT):
            return Wrong("not built", str(error))
        raise Skipped(str(error)) from None
    inputs = [x.double().requires_grad_() if x.is_floating_point() else x for x in example_inputs(graph)]
    with _PlacesAreNumbers():
        ours, theirs = flat(module(*inputs)), flat(Interpreter(graph, module).run(*inputs))
    if [x.shape for x in ours] != [x.shape for x in theirs]:
        return Wrong("shapes", f"{[list(x.shape) for x in ours]} from the module, {[list(x.shape) for x in theirs]}")
    for number, (x, y) in enumerate(zip(ours, theirs)):
        if not close(x, y):
            if rounding_decides(graph, module, inputs, theirs):
                raise Skipped("rounding decides what comes out")
            return Wrong("outputs", f"output {number} differs by {gap(x, y)}")
    mine, other = gradients(ours, module, inputs), gradients(theirs, module, inputs)
    for name in mine:
        if not close(mine[name], other[name]):
            if rounding_decides(graph, module, inputs, other, name):
                raise Skipped("rounding decides what a gradient is")
            return Wrong("gradients", f"the gradient of {name} differs by {gap(mine[name], other[name])}")
    return None


class _PlacesAreNumbers(TorchFunctionMode):
    """Skips what samples at NaN or infinity, where the backward pass of PyTorch's kernel reads outside its memory."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        if func is F.grid_sample and not (args[1] if len(args) > 1 else given["grid"]).isfinite().all():
            raise Skipped("places to sample are no numbers")
        return func(*args, **given)


def rounding_decides(
    graph: Graph, module: nn.Module, inputs: list[torch.Tensor], found: list[torch.Tensor] | Named, name: str = ""
) -> bool:
    """Whether numbers that are the same but for rounding give other outputs, as the sign of what should be 0.

    With `name` whether they give it another gradient, as behind a norm of equal numbers; `found` are all gradients.
    """
    torch.default_generator.manual_seed(2)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter *= 1 + 1e-13 * torch.randn_like(parameter)
    for _ in range(8):
        near = [_nearly(x) if x.is_floating_point() else x for x in inputs]
        outputs = flat(Interpreter(graph, module).run(*near))
        if isinstance(found, dict):
            if not close(found[name], gradients(outputs, module, near)[name]):
                return True
        elif not all(map(close, found, outputs)):
            return True
    return False


def _nearly(x: torch.Tensor) -> torch.Tensor:
    return (x * (1 + 1e-13 * torch.randn_like(x))).detach().requires_grad_()


def flat(outputs: object) -> list[torch.Tensor]:
    """The tensors that a module gives."""
    if isinstance(outputs, torch.Tensor):
        return [outputs]
    return [tensor for one in outputs for tensor in flat(one)]  # type: ignore[attr-defined]


def gradients(outputs: list[torch.Tensor], module: nn.Module, inputs: list[torch.Tensor]) -> Named:
    """The gradients of a weighted sum of all outputs."""
    torch.default_generator.manual_seed(1)
    loss = sum((x * torch.randn_like(x)).sum() for x in outputs if x.requires_grad)
    named = {f"input {number}": x for number, x in enumerate(inputs)} | dict(module.named_parameters())
    names = {name: x for name, x in named.items() if x.requires_grad}
    if not isinstance(loss, torch.Tensor) or not names:
        return {}
    found = torch.autograd.grad(loss, list(names.values()), allow_unused=True)
    return {name: torch.zeros_like(x) if one is None else one for (name, x), one in zip(names.items(), found)}


def close(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-6, atol=1e-8, equal_nan=True)


def gap(a: torch.Tensor, b: torch.Tensor) -> str:
    return f"{(a - b).abs().max().item():.3g}" if a.shape == b.shape else f"{list(a.shape)} and {list(b.shape)}"
