"""The backward pass as operations: the kernels that compute each layer's gradients.

A product of m rows with weights [k, n] has two products of the same FLOPs in the backward pass: one for the
weights' gradient [k, n], one for the input's [m, k]. Element-wise layers read what the forward pass saved and
the gradient of their output, and write that of their input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from archcalc.layers.heads import Heads
from archcalc.layers.merge import Add, Residual
from archcalc.layers.scores import Scored
from archcalc.network.gradients import Backward, backward
from archcalc.network.graph import walk
from archcalc.network.load import Graph
from archcalc.prediction.masks import MASK
from archcalc.prediction.operations import ADAPTED, ADAPTER, Operation

# Products for attention's gradients; the forward pass has two. Kernels that do not keep the scores recompute
# them, which is a fifth product. Source: Dao 2023, FlashAttention-2.
_FORWARD, _BACKWARD, _AGAIN = 2, 4, 1
# These pass on the gradient they receive; if a tensor is read twice, two gradients are added.
_SUMS = (Add, Residual)


@dataclass(frozen=True)
class Gradient:
    """What an operation of the forward pass becomes in the backward pass.

    Attributes:
        forward: the operation, with its number of backward runs.
        kernels: the kernels that run.
        share: the fraction of the FLOPs of all its gradients that the needed gradients take.
    """

    forward: Operation
    kernels: tuple[Operation, ...]
    share: float


def gradients(graph: Graph, found: list[Operation], passes: Iterable[Backward] | None = None) -> Iterator[Gradient]:
    """The operations of the backward pass, last layers first.

    Args:
        graph: the network.
        found: all operations of its forward pass.
        passes: the layers that run backward, if already known.
    """
    forward: dict[int, list[Operation]] = {}
    for one in found:
        forward.setdefault(id(one.node), []).append(one)
    runs = {id(node): run for node, _, run in walk(graph.nodes)}
    for entry in backward(graph) if passes is None else passes:
        if not entry.runs:
            continue
        for one in reversed(forward.get(id(entry.node), ())):
            # Equal copies may need different gradients; each expert runs on its share.
            here = one.but(runs=max(1, one.runs * entry.runs // runs[id(entry.node)]))
            needs = _needs(here, entry)
            yield Gradient(here, tuple(_kernels(here, needs)), _share(here, needs))


def _needs(one: Operation, entry: Backward) -> tuple[bool, ...]:
    """For each tensor that the operation reads, whether its gradient is needed."""
    needs = entry.needs or (False,)
    if one.part in ("output", "scores", "rope", "rmsnorm", ADAPTED):
        return (True,)  # they depend on the layer's own weights
    if one.part == MASK:
        layer = one.node.layer
        return (one.gradient_bytes > 0 and isinstance(layer, Scored) and needs[layer.at("relbias")],)
    if one.part in ("keys", "values"):
        assert isinstance(one.node.layer, Heads)
        return (needs[one.node.layer.places[one.part == "values"]],)
    return needs


def _learns(one: Operation) -> bool:
    """Whether the weights of a product are trained: those of an adapter are, even beside a frozen matrix."""
    return one.part in (ADAPTER, ADAPTED) or one.node.learns_itself


def _share(one: Operation, needs: tuple[bool, ...]) -> float:
    if one.m and one.weight_bytes:
        return (needs[0] + _learns(one)) / 2
    return max(1, sum(needs)) / len(needs) if one.m else 1.0


def _kernels(one: Operation, needs: tuple[bool, ...]) -> Iterator[Operation]:
    if one.part == "copy":
        if any(needs):
            yield one.but(in_bytes=one.out_bytes, out_bytes=one.in_bytes)
    elif one.part == MASK:  # the scores' kernel writes a gradient for each score, whose sum over samples is the table's
        if needs[0]:
            size = one.gradient_bytes
            yield one.but(kind="sum", flops=size, in_bytes=size, out_bytes=size, gradient_bytes=0)
    elif one.m and one.weight_bytes:
        yield from _products(one, _learns(one), needs[0])
    elif one.kind == "attention":
        again = not one.keeps_scores
        flops = one.flops * (_BACKWARD + again * _AGAIN) // _FORWARD
        moved = one.in_bytes + (1 + again) * one.out_bytes
        yield one.but(flops=flops, in_bytes=moved, out_bytes=one.in_bytes, gradient_bytes=0)
    elif one.m:
        for needed in needs:
            if needed:
                half = one.in_bytes // len(needs)
                yield one.but(m=one.m, n=one.k, k=one.n, in_bytes=half + one.out_bytes, out_bytes=half)
    elif one.kind == "embedding":
        yield one.but(in_bytes=one.in_bytes + one.out_bytes, weight_bytes=0, out_bytes=one.gradient_bytes)
    elif isinstance(one.node.layer, _SUMS) or one.part == ADAPTED:
        yield one
    elif one.in_bytes + one.out_bytes:
        written = one.gradient_bytes * one.node.learns + (one.in_bytes if any(needs) else 0)
        twice = 1 + (
            one.node.layer is not None and one.node.layer.declared
        )  # the products for the weights, and for the input
        yield one.but(flops=twice * one.flops, in_bytes=one.in_bytes + one.out_bytes, out_bytes=written)


def _products(one: Operation, learns: bool, input_needed: bool) -> Iterator[Operation]:
    """The gradients of trained weights, of a bias (a sum of the output's gradient), and of the input."""
    plain = one.kind in ("linear", "matrix-vector")
    kind = "linear" if plain else one.kind
    if learns:
        written = one.gradient_bytes
        yield one.but(kind=kind, m=one.k, n=one.n, k=one.m, weight_bytes=one.out_bytes, out_bytes=written)
        if not one.node.frozen and any(name.endswith("bias") for name in one.node.params):
            yield one.but(kind="sum", m=0, n=0, k=0, flops=0, in_bytes=one.out_bytes, weight_bytes=0, out_bytes=0)
    if input_needed:
        kind = "matrix-vector" if plain and one.m == 1 else kind
        yield one.but(kind=kind, m=one.m, n=one.k, k=one.n, in_bytes=one.out_bytes, out_bytes=one.in_bytes)
