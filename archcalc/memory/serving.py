"""What a serving engine reserves before the first request, and how many requests its cache holds.

The rule is vLLM's (`determine_available_memory` of its GPU worker, releases 0.8 to 0.11): a share of the device's
memory (`gpu_memory_utilization`), minus the weights, the peak of a forward pass over as many positions as a step may
have, and what the process takes outside PyTorch. The rest is divided into cache pages. CUDA graphs are captured outside
the share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from archcalc.diagnostics import RequestError, SpecError
from archcalc.largest import largest
from archcalc.memory.footprint import weights as stored
from archcalc.memory.generation import generate
from archcalc.memory.how import how
from archcalc.memory.positions import positions_dim
from archcalc.memory.prompt import prompt_pass
from archcalc.memory.sizes import BATCH, resized
from archcalc.network.load import Graph
from archcalc.running import Running
from archcalc.running.declaration import FLASH, GENERATE, GRAPH

RULE = "vLLM 0.8 to 0.11"
# The longest request that is tried: if it fits, the cache does not grow, e.g. because of a window.
_LONGEST = 2**39
# The shares of a device that are tried.
_SHARES = (0.95, 0.98)


@dataclass(frozen=True)
class Engine:
    """The settings of the engine.

    Attributes:
        share: the fraction of the device's memory that it may use (`gpu_memory_utilization`).
        block: positions per page (`block_size`).
        positions: maximum positions per step (`max_num_batched_tokens`).
        sequences: maximum sequences per step (`max_num_seqs`).
    """

    share: float = 0.9
    block: int = 16
    positions: int = 8192
    sequences: int = 256


@dataclass(frozen=True)
class Request:
    """Requests of one length: their number, prompt and new tokens."""

    prompt: int
    new_tokens: int
    count: int = 1

    @property
    def length(self) -> int:
        """The final number of positions."""
        return self.prompt + self.new_tokens


@dataclass(frozen=True)
class Serving:
    """What an engine reserves, in bytes.

    Attributes:
        graph, running: what is served, and how it generates.
        usable: the share of the device. weights: parameters and buffers. activations: those of the largest step.
        context: what the process takes outside PyTorch; an estimate.
        length: positions of a usual request.
    """

    graph: Graph
    running: Running
    engine: Engine
    usable: int
    weights: int
    activations: int
    context: int
    length: int

    @property
    def cache(self) -> int:
        """The bytes left for pages; negative if weights and activations do not fit."""
        return self.usable - self.weights - self.activations - self.context

    def bytes_of(self, length: int) -> int:
        """The bytes of the pages that one request of this length takes."""
        if length not in self._bytes:
            whole = -(-length // self.engine.block) * self.engine.block
            found = generate(resized(self.graph, {BATCH: 1}), self.running.also(length=whole, new_tokens=None), whole)
            self._bytes[length] = found.cache_bytes
        return self._bytes[length]

    @cached_property
    def _bytes(self) -> dict[int, int]:
        return {}

    @property
    def positions(self) -> int:
        """How many positions of usual requests the pages hold."""
        return max(0, self.cache) * self.length // max(1, self.bytes_of(self.length))

    def requests(self, length: int) -> int:
        """How many requests of this length the pages hold at once."""
        return max(0, self.cache) // max(1, self.bytes_of(length))

    @cached_property
    def longest(self) -> int:
        """The number of positions of the longest single request; 0 if the cache does not grow."""
        most = self.cache

        def over(length: int) -> float | str:
            try:
                return self.bytes_of(min(length, _LONGEST)) - most
            except SpecError as error:  # more positions than the network can have
                return error.diagnostics[0].message

        def near(fits: int, _: int) -> int | None:
            """A first guess: pages grow nearly in proportion to the length."""
            return most * fits // max(1, self.bytes_of(min(fits, _LONGEST))) if fits else None

        found = largest(self.length, over, 0, near)
        return found.value if not found.unbounded else 0

    def holds(self, load: Sequence[Request]) -> bool:
        """Whether the pages hold all of these at once, each at its full length."""
        return sum(one.count * self.bytes_of(one.length) for one in load) <= self.cache


def others(graph: Graph, said: Running, engine: Engine) -> Iterator[tuple[str, Serving]]:
    """Other ways to serve a network in which a usual request fits, each under its option."""
    tried: list[tuple[str, Running, Engine]] = []
    if not said.weights:
        tried += [(f"--weights {kind}", said.also(weights=kind), engine) for kind in ("int8", "int4")]
    if not said.cache:
        tried.append(("--cache fp8", said.also(cache="fp8"), engine))
    tried += [(f"--share {share:g}", said, replace(engine, share=share)) for share in _SHARES if share > engine.share]
    for option, running, told in tried:
        try:
            found = serve(graph, running, told)
        except RequestError:  # the device does not support it
            continue
        if found.requests(found.length):
            yield option, found


def serve(graph: Graph, said: Running, engine: Engine) -> Serving:
    """What an engine reserves for generation with a network.

    Raises:
        RequestError: no device; a network that does not generate; contradictory settings.
    """
    running = how(graph, said, GENERATE)
    # Steps are CUDA graphs, and there is a kernel for every mask, including sinks and soft caps.
    own = {"execution": GRAPH} | ({"attention": FLASH} if running.types.computes in ("bf16", "fp16") else {})
    given = said.over(graph.document.run(graph.variant))
    running = how(graph, said.also(**own).also(**{name: given.said.get(name, own[name]) for name in own}), GENERATE)
    chip = running.chip
    if chip is None or chip.kind != "gpu":
        raise RequestError("a serving engine needs a GPU: give --device, e.g. --device a100")
    dim = positions_dim(graph)
    length = running.length or int(graph.settings.values[dim])
    each = min(length, engine.positions)
    step = resized(graph, {dim: each, BATCH: max(1, engine.positions // each)})
    most = prompt_pass(step, running, dim, min(engine.sequences, engine.positions)).bytes
    weights = sum(bytes * count for bytes, count in stored(graph, running))
    usable = int(chip.memory_bytes * engine.share)
    return Serving(
        graph,
        running.also(length=length).assuming((*running.assumed, *(name for name in own if name not in given.said))),
        engine,
        usable,
        weights,
        most,
        chip.context_bytes,
        length,
    )
