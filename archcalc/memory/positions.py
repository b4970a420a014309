"""The dim that counts generated positions, and what prevents generation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from archcalc.diagnostics import RequestError
from archcalc.layers.algebra import MatMul
from archcalc.layers.base import Layer
from archcalc.layers.einsum import Einsum
from archcalc.layers.entries import Entries
from archcalc.layers.layout import CHANNELS_FIRST
from archcalc.layers.tensor import Alias, Shape, Tensor
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.quantity import leaves, product

# Products of two tensors look both ways along positions, and their masks are unknown.
_PRODUCTS = (MatMul, Einsum)


class NotGenerativeError(RequestError):
    """The network does not generate a sequence position by position; the message says why."""


def positions_dim(graph: Graph) -> str:
    """The dim that counts generated positions.

    It occurs in the shape of an output and of a layer that looks back: causal attention, a recurrent layer in
    one direction, or else a causal convolution. Raises `NotGenerativeError` if there is none.
    """
    for node in layers(graph.nodes):
        if _layer(node).declared:
            raise NotGenerativeError(
                f"{graph.model} does not generate: `{node.id}` does not declare what it keeps of earlier positions"
            )
    given = {name: None for y in graph.outputs.values() for name in named(y.shape)}
    keeping = [node for node in layers(graph.nodes) if kept(node)]
    if not keeping:
        for name in given:
            windows = any(kept_window(node, name) for node in layers(graph.nodes))
            if windows and all(lead <= 0 for _, lead, _ in _leads(graph, name)):
                _check(graph, name)
                return name
        raise NotGenerativeError(
            f"{graph.model} cannot generate: none of its layers is `attention`, `sdpa` or recurrent"
        )
    for node in keeping:
        for name in named(node.exit.shape[:-1]):
            if name in given and not looks_ahead(node, name):
                _check(graph, name)
                return name
    ahead = [node for node in keeping if _layer(node).sees_ahead]
    if len(ahead) == len(keeping):
        raise NotGenerativeError(
            f"{graph.model} does not generate: `{ahead[0].told}` sees the positions after each position too"
        )
    if not graph.settings.dims:
        raise NotGenerativeError(
            f"{graph.model} has a fixed length: make it a dim, e.g. `dims: {{seq: 128}}`, to generate with it"
        )
    raise NotGenerativeError(f"{graph.model} does not generate: its output has no axis of positions")


def layers(nodes: list[Node]) -> Iterator[Node]:
    """Every layer that has an input, in order of execution."""
    return (node for node, _, _ in walk(nodes) if node.layer is not None and node.inputs)


def kept(node: Node) -> dict[str, Shape]:
    """What one copy of a layer caches for one sample between two positions."""
    found = _layer(node).kept(node.exit, *node.inputs)
    return {**found, "output": node.exit.shape} if node.cached else found


def kept_window(node: Node, dim: str) -> dict[str, Shape]:
    """What a causal convolution caches for one sample, the earlier positions that its next window reads; or a sum."""
    x = node.inputs[0]
    for axis in _axes(node, dim):
        if _layer(node).adds_up and x.batched and axis in _layer(node).mixes(x):
            return {"sum": (1, product(size for index, size in enumerate(x.shape) if index != axis))}
        window = _layer(node).reach(axis, x)
        if window is not None and window[0] + window[1]:
            others = product(size for index, size in enumerate(x.shape) if index != axis)
            return {"inputs": (window[0] + window[1], others)}
    return {}


def is_of_position(node: Node, dim: str) -> bool:
    """Whether everything inside is of one position: a step of a `scan`, or an entry of an `each` over positions."""
    ends = [one for one in node.children if isinstance(one.layer, Entries) and one.layer.apart]
    return bool(node.listed) or any(dim in named(one.inputs[0].shape[:1]) for one in ends)


def kept_behind(graph: Graph, dim: str) -> dict[int, dict[str, Shape]]:
    """What layers that combine a tensor with earlier positions of another cache for one sample, by node id."""
    found: dict[int, dict[str, Shape]] = {}
    for node, _, reads in _leads(graph, dim):
        foremost = max((lead for _, lead in reads), default=0)
        for x, lead in reads:
            if lead < foremost and (axes := [axis for axis, size in enumerate(x.shape) if dim in leaves(size)]):
                others = product(size for axis, size in enumerate(x.shape) if axis not in axes[:1])
                found.setdefault(id(node), {})["earlier"] = (foremost - lead, others)
    return found


def _axes(node: Node, dim: str) -> list[int]:
    """The axes of a layer's first input that count the positions."""
    return [axis for axis, size in enumerate(node.inputs[0].shape) if dim in leaves(size)]


def _leads(graph: Graph, dim: str) -> Iterator[tuple[Node, int, list[tuple[Tensor, int]]]]:
    """For each layer, how many later positions its output depends on; negative if only on earlier ones.

    With the same for each tensor that it reads.
    """
    leads: dict[int, int] = {}
    for node, _, _ in walk(graph.nodes):
        if node.layer is not None and node.inputs:
            sources = node.layer.sources(*node.inputs)
            reads = [(x, leads.get(_origin(x), 0)) for x in sources if dim in named(x.shape)]
            windows = [node.layer.reach(axis, node.inputs[0]) for axis in _axes(node, dim)]
            lead = max((lead for _, lead in reads), default=0) + sum(
                window[1] for window in windows if window is not None
            )
            for x in (node.exit, *(node.exit.outputs or {}).values()):
                leads[id(x)] = lead
            if dim in named(node.exit.shape):
                yield node, lead, reads
        leads.setdefault(id(node.output), leads.get(_origin(node.exit), 0))


def _origin(x: Tensor) -> int:
    while isinstance(x, Alias):
        x = x.origin
    return id(x)


def named(shape: Iterable[int]) -> list[str]:
    """The dims from which the sizes of a shape were computed."""
    return list(dict.fromkeys(name for size in shape for name in leaves(size)))


def of_source(node: Node, dim: str) -> bool:
    """Whether a layer that takes part in generation caches the positions of another sequence."""
    shapes = kept(node).values()
    if any(dim in named(shape) for shape in shapes):
        return False
    return any(map(named, shapes)) or _reads_apart(node, dim)


def _reads_apart(node: Node, dim: str) -> bool:
    """Whether keys are made from a tensor whose length is a plain number, such as that of an image or an audio clip."""
    keys = getattr(node.layer, "kv", None) or getattr(node.layer, "k", None)
    return isinstance(keys, Tensor) and dim not in named(keys.shape)


def looks_ahead(node: Node, dim: str) -> bool:
    """Whether an output position of the layer depends on later ones of the sequence that `dim` counts."""
    reads = [x for x in node.inputs if dim in named(x.shape)]
    layer = _layer(node)
    if layer.sees_ahead:
        return bool(reads or dim in named(node.exit.shape)) and not of_source(node, dim)
    if isinstance(node.layer, _PRODUCTS):
        return len(reads) > 1
    x = node.inputs[0]
    mixed = {*layer.mixes(x), *layer.moves(x)} if x.batched else set()  # tables are there as a whole
    told = type(layer).sees_ahead is not False or layer.adds_up  # attention and recurrences say it themselves
    if not (told or kept(node)) and mixed.intersection(_axes(node, dim)):
        return True
    if any(layer.reach(axis, node.inputs[0]) for axis in _axes(node, dim)):
        return False  # decided by `_leads`
    # Windows and statistics of channels-first layers run over positions.
    return layer.layout == CHANNELS_FIRST and not layer.elementwise and any(dim in named(x.shape[1:]) for x in reads)


def _is_of_all(node: Node, dim: str) -> bool:
    """Whether a layer sums over the axis of positions, or the like."""
    x = node.inputs[0]
    return x.batched and bool({*_layer(node).mixes(x)}.intersection(_axes(node, dim)))


def _check(graph: Graph, dim: str) -> None:
    """Raise `NotGenerativeError` if a layer on the path looks ahead, or distributes positions among experts."""
    leads = {id(node): lead for node, lead, _ in _leads(graph, dim)}
    ends: set[int] = set()  # what was computed from all positions, as their mean
    for node in layers(graph.nodes):
        ahead = looks_ahead(node, dim) and dim in named(node.exit.shape)
        if ahead or leads.get(id(node), 0) > 0:
            raise NotGenerativeError(
                f"{graph.model} does not generate: `{node.told}` sees the positions after each position too"
            )
        if ends & {_origin(x) for x in _layer(node).sources(*node.inputs)}:
            if dim in named(node.exit.shape):
                raise NotGenerativeError(
                    f"{graph.model} does not generate: `{node.told}` reads what was computed from all positions"
                )
            ends |= {id(node.exit), id(node.output)}
        elif _is_of_all(node, dim):
            made = (node.exit, node.output, *(node.exit.outputs or {}).values())
            ends |= {id(x) for x in made if dim not in named(x.shape)}
        for shape in kept(node).values():
            if dim in named((*shape[:-2], shape[-1])):
                raise NotGenerativeError(
                    f"{graph.model} does not generate: `{node.told}` attends within groups of positions"
                )


def _layer(node: Node) -> Layer:
    assert node.layer is not None
    return node.layer
