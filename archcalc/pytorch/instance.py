"""Runs a network's source: the module it describes, and input for it."""

from __future__ import annotations

import ast
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from archcalc.layers.dense import Embedding
from archcalc.network.graph import walk
from archcalc.network.load import Graph
from archcalc.pytorch.names import BuildError
from archcalc.pytorch.source import module_source

Probe = Callable[[nn.Module, str, Any], Any]


def instantiate(graph: Graph, device: str = "cpu", probe: Probe | None = None) -> nn.Module:
    """The module of `graph`, initialised as PyTorch does.

    Args:
        graph: the network.
        device: where its parameters live; "meta" needs no memory.
        probe: called with every layer's output, `probe(module, segment, output)`; returns the output.

    Raises:
        BuildError: something in the network cannot be written as source yet.
    """
    if device != "meta":
        _refuse_declared(graph)
    source = module_source(graph, probe is not None, alone=True)
    namespace: dict[str, Any] = {"probe": probe}
    tree = ast.parse(source)
    main = tree.body[-1]
    assert isinstance(main, ast.ClassDef)
    exec(compile(tree, "<network>", "exec"), namespace)
    with torch.device(device), _Undrawn() if device == "meta" else nullcontext():
        made: nn.Module = namespace[main.name]()
    if device == "meta":
        for inner in made.modules():
            if type(inner).__name__ == "MixtureOfExperts":
                inner.forward = _route_evenly.__get__(inner)
            if type(inner).__name__ == "Opaque":
                inner.forward = _stand_in.__get__(inner)
    return made


class _Undrawn(TorchFunctionMode):
    """Skips the initialisation of weights, which the meta device does not store: it takes half of PyTorch's time."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Return a tensor that is to be initialised unchanged; make any other call."""
        if func in _DRAWS or getattr(func, "__module__", None) == "torch.nn.init":
            return args[0] if args else kwargs["tensor"]
        return func(*args, **(kwargs or {}))


_DRAWS = (torch.Tensor.uniform_, torch.Tensor.normal_)


def _refuse_declared(graph: Graph) -> None:
    """Raise `BuildError` for a part that has a shape but no code."""
    for node, _, _ in walk(graph.nodes):
        if node.layer is not None and node.layer.declared:
            what = getattr(node.layer, "what", None) or "not described"
            raise BuildError(
                f"{node.place.line}:{node.place.column}: `{node.op}` cannot be built: '{what}'; "
                "`archcalc build` writes a file in which to put it, or with class=pkg.module:Name one that imports it"
            )


def _stand_in(self: Any, *inputs: torch.Tensor) -> Any:
    """Tensors of the declared shapes, through which gradients flow to everything that is read and to the parameters."""
    read = [x for x in (*inputs, *self.parameters()) if x.is_floating_point()]
    zero = sum((x.sum() * 0 for x in read), torch.zeros((), device=inputs[0].device))
    samples = max(map(len, inputs))  # what is the same for every sample has batch size 1
    given = tuple(torch.zeros(samples, *sizes, device=zero.device) + zero for sizes in self.sizes)
    return (given[0], given[1:]) if len(given) > 1 else given[0]


def _route_evenly(
    self: Any, x: torch.Tensor, *others: torch.Tensor, shared: tuple[torch.Tensor, ...] = ()
) -> torch.Tensor:
    """Let one expert do all the work: routing depends on data, and meta tensors have none."""
    positions = x.flatten(0, -2)
    each = len(positions) // len(x)
    chosen = [torch.cat([other.repeat_interleave(each, 0)] * self.top_k) for other in others]
    out = self.experts[0](positions.repeat(self.top_k, 1), *chosen, *shared)
    # The router comes last, so that its work is counted as the layer's own.
    weights = self.router(positions).softmax(dim=-1).sum(dim=-1, keepdim=True)
    result: torch.Tensor = (out[: positions.shape[0]] * weights).unflatten(0, x.shape[:-1])
    return result


def example_inputs(graph: Graph, device: str = "cpu") -> list[torch.Tensor]:
    """Random input of the right shapes, batch first; token ids below the smallest vocabulary that reads them."""
    inputs = []
    for x in graph.inputs.values():
        sizes = (graph.batch, *(int(size) for size in x.shape))
        if device == "meta":  # which holds no values: there is nothing to draw
            inputs.append(torch.empty(sizes, dtype=torch.long if x.integer else None, device=device))
        elif not x.integer:
            inputs.append(torch.randn(sizes, device=device))
        else:
            inputs.append(torch.randint(_vocabulary(graph), sizes, device=device))
    return inputs


def _vocabulary(graph: Graph) -> int:
    from archcalc.cost import Costs

    sizes = [int(node.layer.vocab) for node in Costs(graph).layers() if isinstance(node.layer, Embedding)]
    return min(sizes, default=2)
