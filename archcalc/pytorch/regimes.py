"""What a way of running a network changes in its module and its step: adapters, checkpoints, and updates."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from archcalc.diagnostics import RequestError
from archcalc.network.graph import Adapter, Node, walk
from archcalc.network.load import Graph
from archcalc.running import Running
from archcalc.running.declaration import BACKWARD, FOREACH, FUSED

# PyTorch's optimizers, by their names here.
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": partial(torch.optim.SGD, lr=1e-4),
    "momentum": partial(torch.optim.SGD, lr=1e-4, momentum=0.9),
    "adam": partial(torch.optim.Adam, lr=1e-5),
    "adamw": partial(torch.optim.AdamW, lr=1e-5),
    "adafactor": partial(torch.optim.Adafactor, lr=1e-5),
    "muon": partial(torch.optim.Muon, lr=1e-5),
}


class LowRank(nn.Module):
    """A linear layer plus a low-rank product."""

    def __init__(self, base: nn.Linear, adapter: Adapter) -> None:
        super().__init__()
        self.base = base
        kind: dict[str, Any] = {"bias": False, "device": base.weight.device, "dtype": base.weight.dtype}
        self.reads = nn.Linear(adapter.columns, adapter.rank, **kind)
        self.gives = nn.Linear(adapter.rank, adapter.rows, **kind)
        self.factor = 2.0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Compute it as PEFT does."""
        y: torch.Tensor = self.base(x) + self.gives(self.reads(x)) * self.factor
        return y


def prepare(module: nn.Module, graph: Graph, running: Running) -> None:
    """Add adapters to matrices, and have checkpoints run again. Raises `RequestError` for what does not allow that."""
    for node, _, _ in walk(graph.nodes):
        for adapter in node.adapters:
            _adapt(module, node, adapter)
    if running.trains and running.checkpoint:
        every = running.checkpoint_every or 1
        groups = [node for node, _, _ in walk(graph.nodes) if node.layer is None]
        wanted = [one for one in groups if {one.name, one.op, one.id} & set(running.checkpoint)]
        for index, inner in enumerate(_modules(module, wanted)):
            if not index % every:
                inner.forward = partial(checkpoint, inner.forward, use_reentrant=False)


def _adapt(module: nn.Module, node: Node, adapter: Adapter) -> None:
    letter = adapter.name.partition(".")[2]
    for inner in list(_modules(module, [node])):
        parent, name = inner, {"o": "out_proj"}.get(letter, f"{letter}_proj")
        if not letter:
            path = next(path for path, one in module.named_modules() if one is inner)
            parent, _, name = module.get_submodule(path.rpartition(".")[0]), "", path.rpartition(".")[2]
        base = getattr(parent, name, None)
        if isinstance(parent, nn.MultiheadAttention) or not isinstance(base, nn.Linear):
            raise RequestError(f"an adapter of `{node.id}` is predicted, and not measured: its matrices are in one")
        setattr(parent, name, LowRank(base, adapter))


def _modules(module: nn.Module, nodes: Sequence[Node]) -> Iterator[nn.Module]:
    """The modules of nodes, including all copies, in running order."""
    ids = {re.escape(node.id) + (r"\.\d+" if node.copies > 1 and node.layer is None else "") for node in nodes}
    known = re.compile("|".join(re.sub(r"(?<=\\\.)\d+(?=\\\.|$)", r"\\d+", one) for one in sorted(ids)) or r"(?!)")
    return (inner for path, inner in list(module.named_modules()) if known.fullmatch(path))


class Update:
    """The optimizer's step, as `update` says; each parameter may have its own in the backward pass.

    Attributes:
        optimizers: those that a step runs, or that backward has run.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], running: Running) -> None:
        how: dict[str, Any] = {FOREACH: {"foreach": True}, FUSED: {"fused": True}}.get(running.update, {})
        self.in_backward = running.update == BACKWARD
        groups = [[one] for one in parameters] if self.in_backward else [list(parameters)]
        self.optimizers = [one for group in groups for one in _optimizers(running.optimizer, group, how)]
        if self.in_backward:
            for parameter, optimizer in zip(parameters, self.optimizers):
                parameter.register_post_accumulate_grad_hook(partial(_step, optimizer))  # type: ignore[no-untyped-call]

    def zero_grad(self) -> None:
        """Free the gradients."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Run the step, unless backward has."""
        for optimizer in () if self.in_backward else self.optimizers:
            optimizer.step()

    def tensors(self) -> Iterator[torch.Tensor]:
        """The tensors of the optimizer states."""
        for optimizer in self.optimizers:
            for state in optimizer.state.values():
                yield from (value for value in state.values() if isinstance(value, torch.Tensor))


def _step(optimizer: torch.optim.Optimizer, parameter: torch.Tensor) -> None:
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _optimizers(name: str, parameters: Sequence[nn.Parameter], how: dict[str, Any]) -> list[torch.optim.Optimizer]:
    """The optimizer; for Muon also a second one, for parameters that are not matrices."""
    if name != "muon":
        return [OPTIMIZERS[name](parameters, **how)]
    matrices = [one for one in parameters if one.dim() == 2]
    others = [one for one in parameters if one.dim() != 2]
    made = [OPTIMIZERS["muon"](matrices)] if matrices else []
    return [*made, OPTIMIZERS["adamw"](others)] if others else made
