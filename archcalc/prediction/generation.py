"""The time of generation: the prompt at once, then token by token.

One step computes a single position. It reads all weights and, in layers that look back, what earlier positions left in
the cache. The output of an encoder was computed with the prompt.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from archcalc.diagnostics import RequestError
from archcalc.layers.algebra import MoE
from archcalc.layers.sdpa import SDPA
from archcalc.memory.generation import Cache, Generation, caches_at, generate
from archcalc.memory.positions import named
from archcalc.memory.sizes import resized
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.prediction.estimate import Estimate, Estimator, total
from archcalc.prediction.host import started, waiting
from archcalc.prediction.operations import Operation
from archcalc.prediction.predict import LayerTime, Prediction, executed, forward_times, predict
from archcalc.running import Running
from archcalc.running.refusals import no_prompt


@dataclass(frozen=True)
class Decoding:
    """Generating `tokens` after a prompt.

    Attributes:
        prefill: the forward pass over the prompt, with the logits of its last position.
        memory: weights and caches at the final length.
        tokens: how many are generated; position: the position at which a step is predicted, the middle one.
        layers: the layers of one step.
    """

    prefill: Prediction
    memory: Generation
    tokens: int
    position: int
    layers: tuple[LayerTime, ...]

    @cached_property
    def step(self) -> Estimate:
        """One step: one token for each sample of the batch."""
        return total(layer.forward for layer in self.layers)

    @cached_property
    def total(self) -> Estimate:
        """The prompt and all steps. A step's time grows linearly with the position, so the middle step is the mean."""
        return self.prefill.forward + self.step.times(self.tokens)

    @property
    def tokens_per_second(self) -> float:
        """Tokens per second while decoding, over the whole batch."""
        return self.prefill.graph.batch / self.step.seconds if self.step.seconds else 0.0


def decode(graph: Graph, running: Running, absorbs: bool = False) -> Decoding:
    """The time of generating the last tokens of a sequence after the prompt.

    Args:
        absorbs: whether attention reads the cached latent vectors instead of keys and values, as engines do.

    Raises:
        NotGenerativeError: the network cannot generate one position after the other.
        SpecError: it cannot have that many positions.
        RequestError: as in `predict`; as many new tokens as positions, or more.
    """
    memory, tokens = generate(graph, running), running.tokens
    prompt = memory.length - tokens
    if prompt < 1:
        raise RequestError(no_prompt(tokens, memory.length))
    before = memory.before
    known = before is not None and before[2] == prompt  # else not every length is possible
    prefill = predict(before[0] if before is not None and known else resized(graph, {memory.dim: prompt}), running)
    estimator = Estimator(prefill.device, running.types.computes, running.memory_format)
    position = prompt + (tokens + 1) // 2
    caches = {cache.node.id: cache for cache in caches_at(memory, position)}
    step = memory.step
    ran = set(_running(step.nodes, memory.dim))
    found = [
        now for one in executed(step, running) if id(one.node) in ran for now in _cached(one, caches, position, absorbs)
    ]
    times = forward_times(estimator, found)
    counts = started(found)
    each = waiting(estimator, running, sum(counts.values()), total(times.values()))
    for key, count in counts.items():
        times[key] += each.times(count)
    nodes = {id(one.node): one.node for one in found}
    layers = tuple(LayerTime(node, times[key], Estimate()) for key, node in nodes.items())
    return Decoding(_last_logits(prefill, layers), memory, tokens, position, layers)


def _last_logits(prefill: Prediction, step: Iterable[LayerTime]) -> Prediction:
    """The pass over the prompt, whose output layers compute only the last position, as in a step."""
    outputs = {id(y) for y in prefill.graph.outputs.values()}
    alone = {layer.node.id: layer.forward for layer in step}
    layers = tuple(
        replace(layer, forward=alone[layer.node.id])
        if id(layer.node.exit) in outputs and layer.node.id in alone
        else layer
        for layer in prefill.layers
    )
    return replace(prefill, layers=layers)


def _running(nodes: list[Node], dim: str) -> Iterator[int]:
    """The nodes that run in a step: those whose output contains the generated positions."""
    for node in nodes:
        if node.layer is None or dim in named(node.exit.shape):
            yield id(node)
            # Experts see single positions, whose shape no longer shows it.
            yield from _all(node.children) if isinstance(node.layer, MoE) else _running(node.children, dim)


def _all(nodes: list[Node]) -> Iterator[int]:
    for node in nodes:
        yield id(node)
        yield from _all(node.children)


def _cached(one: Operation, caches: dict[str, Cache], positions: int, absorbs: bool) -> Iterator[Operation]:
    """The operation with what is cached from earlier positions; nothing if its whole result is cached.

    What is computed from a cached output is recomputed for all positions, unless attention absorbs it.
    """
    cache, node = caches.get(one.node.id), one.node
    expands = cache is None and any(read.cached for read in node.inputs)
    if cache is not None and cache.source:
        if one.part not in ("keys", "values"):
            yield one
    elif one.kind == "attention" and (cache is not None or expands):
        # One query, and one key per position: work and bytes were those of one key.
        seen = positions if cache is None else cache.positions
        kept = one.in_bytes * seen if cache is None else cache.bytes // cache.copies
        found = replace(one, n=seen, flops=one.flops * seen, in_bytes=one.out_bytes + kept)
        yield _absorbed(found, caches) if cache is None and absorbs else found
    elif not absorbs and ((node.exit.cached and not node.cached) or (expands and one.part in ("keys", "values"))):
        read, given = one.in_bytes * positions, one.out_bytes * positions
        yield replace(one, m=one.m * positions, flops=one.flops * positions, in_bytes=read, out_bytes=given)
    else:
        yield one


def _absorbed(one: Operation, caches: dict[str, Cache]) -> Operation:
    """Attention directly over the cached latent vectors: queries are multiplied by the weights that make keys of these.

    Source: DeepSeek-AI 2024, arXiv:2405.04434, 2.1.
    """
    block = one.node.id.rpartition(".")[0]
    near = [cache for name, cache in caches.items() if cache.node.cached and name.startswith(f"{block}.")]
    if not near or not isinstance(one.node.layer, SDPA):
        return one
    widths = [int(shape[-1]) for cache in near for shape in cache.shapes.values()]
    wide = int(one.node.layer.q.shape[-1] + one.node.layer.v.shape[-1])
    flops = one.flops * (sum(widths) + max(widths)) // wide  # scores over all vectors, values from the longest
    kept = sum(cache.bytes // cache.copies for cache in near)
    return replace(one, flops=flops, in_bytes=one.out_bytes + kept)
