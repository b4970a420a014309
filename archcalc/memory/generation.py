"""Memory of generation: weights, the cache of every layer, and the pass over the prompt or one step.

The prompt is computed at once; the sequence is then generated one position at a time. Layers that look back cache
earlier positions: attention its keys and values, recurrent layers their state. A cache of keys and values
grows by the same number of bytes for each position, until its window is full.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cached_property

from archcalc.cost import Costs
from archcalc.diagnostics import RequestError, SpecError
from archcalc.layers.tensor import Alias, Shape, Tensor
from archcalc.memory.positions import is_of_position, kept, kept_behind, kept_window, named, of_source, positions_dim
from archcalc.memory.prompt import Pass, prompt_pass
from archcalc.memory.sizes import BATCH, resized
from archcalc.memory.stored import Stored
from archcalc.memory.structure import Structure
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.quantity import product
from archcalc.running import Running
from archcalc.running.precisions import BYTES
from archcalc.running.refusals import no_prompt

_ID_BYTES = 8


@dataclass(frozen=True)
class Cache:
    """The cache of one layer, over all its copies, for the whole batch.

    Attributes:
        node: the layer.
        copies: how many copies of it run, each with its own cache.
        shapes: the cache of one copy for one sample, by name: `keys` and `values`, `h` and `c`.
        positions: the number of cached positions; 0 for a state.
        bytes: the total.
        token_bytes: growth per position; 0 for a state, a full window, or the keys of a source.
        source: whether the positions are those of another sequence, e.g. an encoder's.
    """

    node: Node
    copies: int
    shapes: dict[str, Shape]
    positions: int
    bytes: int
    token_bytes: int
    source: bool

    @property
    def pieces(self) -> int:
        """The number of its tensors."""
        return self.copies * len(self.shapes)


@dataclass(frozen=True)
class Prompt:
    """The pass over a prompt: the network at its length, the positions, the caches after it, and the memory it takes."""

    structure: Structure
    positions: int
    caches: tuple[Cache, ...]
    run: Pass

    @property
    def pieces(self) -> list[tuple[int, int]]:
        """Bytes and number of the cache tensors that exist at the peak."""
        return [(cache.bytes // cache.pieces, cache.pieces) for cache in self.caches] if self.run.caches else []


@dataclass(frozen=True)
class Generation:
    """The memory of generation at `length` positions.

    Attributes:
        graph: the network at that length; step: the same with one position.
        dim: the dim that counts the positions.
        length, dtype, cache_dtype: the settings, with the graph's batch.
        parameter_bytes, buffer_bytes: the weights; exact.
        caches: the caches of the layers; exact.
        step_bytes: the peak of one step in addition to the above; a rule.
        logits_bytes: the output of one step, a part of `step_bytes`; exact.
        running: how it is run.
        known: the same network's at another batch, if already computed.
    """

    graph: Graph
    step: Graph
    dim: str
    length: int
    dtype: str
    cache_dtype: str
    parameter_bytes: int
    buffer_bytes: int
    caches: tuple[Cache, ...]
    step_bytes: int
    logits_bytes: int
    running: Running
    known: Generation | None = None

    @cached_property
    def before(self) -> tuple[Graph, Structure, int] | None:
        """The network that reads the prompt, its structure, and its positions: all of them if it cannot have fewer.

        None for a prompt of one position, which is a step.
        """
        positions = self.length - self.running.tokens
        if positions < 2:
            return None
        if self.known is not None and self.known.before is not None:
            _, structure, positions = self.known.before
            graph = resized(structure.graph, {BATCH: self.graph.batch})
        else:
            try:
                graph = resized(self.graph, {self.dim: positions})
            except SpecError:  # not every length is possible
                graph, positions = self.graph, self.length
            structure = Structure(graph)
        if graph.nodes is not structure.graph.nodes:  # the batch is so large that it was built anew
            structure = Structure(graph)
        return graph, structure, positions

    @cached_property
    def prompt(self) -> Prompt | None:
        """The pass over the prompt; None for a prompt of one position, which is a step."""
        if self.before is None:
            return None
        graph, structure, positions = self.before
        caches = tuple(_caches(graph, self.dim, BYTES[self.cache_dtype]))
        kept = sum(cache.bytes for cache in caches)
        run = prompt_pass(graph, self.running, self.dim, graph.batch, kept, structure)
        return Prompt(structure, positions, caches, run)

    @property
    def peak_in_prompt(self) -> Prompt | None:
        """The pass over the prompt, if it takes more memory than the last step."""
        one = self.prompt
        return one if one is not None and one.run.bytes > self.cache_bytes + self.step_bytes else None

    @property
    def cache_bytes(self) -> int:
        """The bytes of all caches."""
        return sum(cache.bytes for cache in self.caches)

    @property
    def token_bytes(self) -> int:
        """Growth in bytes per position, for the whole batch."""
        return sum(cache.token_bytes for cache in self.caches)

    @property
    def peak_bytes(self) -> int:
        """Weights, and the larger of the pass over the prompt and the last step with all caches."""
        prompt = self.peak_in_prompt
        moving = prompt.run.bytes if prompt is not None else self.cache_bytes + self.step_bytes
        return self.parameter_bytes + self.buffer_bytes + moving


def generate(
    graph: Graph,
    running: Running,
    length: int | None = None,
    known: Generation | None = None,
) -> Generation:
    """The memory of generation with `graph`'s batch.

    Args:
        running: how it is run, with its defaults.
        length: number of positions, prompt included; default: that of `running`, or the graph's.
        known: cached results for the same network, at the same length and any batch.

    Raises:
        NotGenerativeError: the network cannot generate one position after the other.
        SpecError: it cannot have that many positions; the finding says why.
        RequestError: the new tokens leave no position for a prompt.
    """
    dim = known.dim if known is not None else positions_dim(graph)
    wanted, dtype = length, running.types.stores
    length = wanted or running.length
    if length and length != graph.settings.values[dim]:
        graph = resized(graph, {dim: length})
    positions = int(graph.settings.values[dim])
    if running.new_tokens and running.new_tokens >= positions and wanted is None:
        raise RequestError(no_prompt(running.new_tokens, positions))
    width, cached = BYTES[dtype], running.cache or dtype
    step = resized(known.step, {BATCH: graph.batch}) if known is not None else resized(graph, {dim: 1})
    totals = Costs(graph).totals
    given = sum(y.numel for y in step.outputs.values() if dim in named(y.shape))
    return Generation(
        graph, step, dim, positions, dtype, cached,
        sum(bytes * count for bytes, count in Stored(graph, running).parameters()), totals.buffers * width, tuple(_caches(graph, dim, BYTES[cached])),
        max(_alive(step.nodes, dim, graph.batch, width, {}, _Again(step, positions)), default=0), graph.batch * given * width, running, known,
    )  # fmt: skip


def caches_at(found: Generation, positions: int) -> tuple[Cache, ...]:
    """What the layers cache when there are this many positions. Raises `SpecError` if there cannot be as many."""
    if positions == found.length:
        return found.caches
    graph = resized(found.graph, {found.dim: positions})
    return tuple(_caches(graph, found.dim, BYTES[found.cache_dtype]))


def cache_bytes(graph: Graph, layers: Collection[str], dtype: str) -> int:
    """Everything that the layers with these ids cache for the graph's batch and positions."""
    width = BYTES[dtype]
    return sum(
        width * node.runs(stored, work, graph.batch) * product(shape)
        for node, stored, work in walk(graph.nodes)
        if node.id in layers
        for shape in kept(node).values()
    )


def _caches(graph: Graph, dim: str, width: int) -> Iterator[Cache]:
    """What each layer on the path of the generated sequence caches."""
    behind = kept_behind(graph, dim)
    for node, stored, runs in walk(graph.nodes):
        if node.layer is None or not node.inputs or dim not in named(node.exit.shape):
            continue
        window = {**kept_window(node, dim), **behind.get(id(node), {})}
        shapes = kept(node) or window
        if not shapes:
            continue
        total = width * node.runs(stored, runs, graph.batch) * sum(int(product(shape)) for shape in shapes.values())
        axes = {int(shape[-2]): named(shape) for shape in shapes.values()}
        grows = any(dim in names for names in axes.values())
        source = of_source(node, dim)
        positions = max(axes) if grows or source or window or _windowed(node) else 0
        yield Cache(node, runs, shapes, positions, total, total // positions if grows else 0, source)


def _windowed(node: Node) -> bool:
    return getattr(node.layer, "window", None) is not None


class _Again:
    """How many positions of a tensor a step computes.

    That is all of them for a tensor made from a kept output, and none for the kept output itself, which is only read.
    """

    def __init__(self, step: Graph, positions: int) -> None:
        self.positions = positions
        self.kept = {_key(node.exit) for node, _, _ in walk(step.nodes) if node.cached}

    def of(self, tensor: Tensor) -> int:
        """The number of positions of a tensor whose shape has one in a step."""
        return 0 if _key(tensor) in self.kept else self.positions if tensor.cached else 1


def _alive(nodes: list[Node], dim: str, batch: int, width: int, held: dict[int, int], again: _Again) -> Iterator[int]:
    """For every layer of one step: bytes of its inputs and outputs, and of what the layers around it hold."""
    for node in nodes:
        if is_of_position(node, dim):
            yield from _one_step(node.children, batch, width, held)
            continue
        if dim not in named(node.exit.shape):  # an encoder has already run
            continue
        if node.layer is None:
            yield from _alive(node.children, dim, batch, width, held, again)
            continue
        # The source's output is not read again: its keys and values are cached.
        near = [x for x in (*node.inputs, node.exit) if dim in named(x.shape)]
        alive = held | {_key(x): _bytes(x, batch, width) * again.of(x) for x in near}
        yield from _alive(node.children, dim, batch, width, alive, again)
        yield sum(alive.values())


def _one_step(nodes: list[Node], batch: int, width: int, held: dict[int, int]) -> Iterator[int]:
    for node, _, _ in walk(nodes):
        if node.layer is not None:
            yield sum((held | {_key(x): _bytes(x, batch, width) for x in (*node.inputs, node.exit)}).values())


def _key(tensor: Tensor) -> int:
    """A key that is the same for the input of the first copy and for the tensor it comes from."""
    while isinstance(tensor, Alias):
        tensor = tensor.origin
    return id(tensor)


def _bytes(tensor: Tensor, batch: int, width: int) -> int:
    return tensor.numel * tensor.samples(batch) * (_ID_BYTES if tensor.integer else width)
