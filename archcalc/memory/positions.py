"""Which dim of a network counts the positions of the sequence that it generates, and what stands in the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archcalc.diagnostics import RequestError
from archcalc.layers.base import Layer
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.tensor import Shape, Tensor
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.quantity import leaves

# Products of two tensors look both ways along positions, and no mask of theirs is known.
_PRODUCTS = ("matmul", "einsum")


class NotGenerativeError(RequestError):
    """The network does not give a sequence one position after the other; the message says why."""


def positions_dim(graph: Graph) -> str:
    """The dim that counts the positions of what is generated.

    It is in the shape of an output, and in that of a layer that looks back: causal attention, or a
    recurrent layer in one direction. Raises `NotGenerativeError` where there is none.
    """
    keeping = [node for node in layers(graph.nodes) if kept(node)]
    if not keeping:
        raise NotGenerativeError(
            f"{graph.model} has nothing to generate with: no layer of it is `attention`, `sdpa` or recurrent"
        )
    given = {name for y in graph.outputs.values() for name in named(y.shape)}
    for node in keeping:
        for name in named(node.exit.shape[:-1]):
            if name in given and not looks_ahead(node, name):
                _check(graph, name)
                return name
    ahead = [node for node in keeping if _layer(node).sees_ahead]
    if len(ahead) == len(keeping):
        raise NotGenerativeError(
            f"{graph.model} does not generate: `{ahead[0].id}` sees the positions after each position too"
        )
    if not graph.settings.dims:
        raise NotGenerativeError(
            f"{graph.model} is written for one length: make it a dim, as `dims: {{seq: 128}}`, to generate with it"
        )
    raise NotGenerativeError(f"{graph.model} does not generate: its output has no axis of positions")


def layers(nodes: list[Node]) -> Iterator[Node]:
    """Every layer that reads something, in order of execution."""
    return (node for node, _, _ in walk(nodes) if node.layer is not None and node.inputs)


def kept(node: Node) -> dict[str, Shape]:
    """What one copy of a layer keeps of one sample between two positions."""
    return _layer(node).kept(node.exit, *node.inputs)


def named(shape: Iterable[int]) -> list[str]:
    """The dims that the sizes of a shape were computed from."""
    return list(dict.fromkeys(name for size in shape for name in leaves(size)))


def of_source(node: Node, dim: str) -> bool:
    """Whether a layer that takes part in generating keeps the positions of another sequence."""
    shapes = kept(node).values()
    if any(dim in named(shape) for shape in shapes):
        return False
    return any(map(named, shapes)) or _reads_apart(node, dim)


def _reads_apart(node: Node, dim: str) -> bool:
    """Whether keys are made of a tensor whose length is a number, as that of an image or of a piece of sound."""
    keys = getattr(node.layer, "kv", None) or getattr(node.layer, "k", None)
    return isinstance(keys, Tensor) and dim not in named(keys.shape)


def looks_ahead(node: Node, dim: str) -> bool:
    """Whether an output position of the layer depends on later ones of the sequence that `dim` counts."""
    reads = [x for x in node.inputs if dim in named(x.shape)]
    layer = _layer(node)
    if layer.sees_ahead:
        return bool(reads) and not of_source(node, dim)
    if node.op in _PRODUCTS:
        return len(reads) > 1
    # Windows and statistics of channels-first layers run over positions.
    return layer.layout == CHANNELS_FIRST and not layer.elementwise and any(dim in named(x.shape[1:]) for x in reads)


def _check(graph: Graph, dim: str) -> None:
    """Raise `NotGenerativeError` where a layer on the way looks ahead, or shares positions out."""
    for node in layers(graph.nodes):
        if looks_ahead(node, dim) and dim in named(node.exit.shape):
            raise NotGenerativeError(
                f"{graph.model} does not generate: `{node.id}` sees the positions after each position too"
            )
        for shape in kept(node).values():
            if dim in named((*shape[:-2], shape[-1])):
                raise NotGenerativeError(
                    f"{graph.model} does not generate: `{node.id}` attends within groups of positions"
                )


def _layer(node: Node) -> Layer:
    assert node.layer is not None
    return node.layer
