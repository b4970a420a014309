"""The peak memory of one mode: how much, what it consists of, and when it occurs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod

from archcalc.advice import suggest
from archcalc.diagnostics import RequestError
from archcalc.memory.definitions import DEFINITIONS, ESTIMATE, EXACT, RULE
from archcalc.memory.generation import Generation, generate
from archcalc.memory.parameters import buffers
from archcalc.memory.run import Moment, Run
from archcalc.memory.simulation import simulate
from archcalc.memory.stored import Stored
from archcalc.memory.structure import Structure
from archcalc.network.freezing import check_trains
from archcalc.network.graph import Node, walk
from archcalc.network.load import Graph
from archcalc.running import Running
from archcalc.running.declaration import COMPILED, GENERATE, OPTIMIZER, TRAIN

# What a plot over time stacks, bottom to top.
STACK = ("parameters", "optimizer states", "gradients", "activations")
# The most moments plotted for copies: of one repeat, and of all together.
_MOST_SAMPLES, _MOST_TOGETHER = 2000, 20_000


@dataclass(frozen=True)
class Sample:
    """A moment: its phase, the layer that runs or "", and the bytes of each of `STACK`."""

    phase: str
    layer: str
    parts: tuple[int, ...]

    @property
    def total(self) -> int:
        """All bytes."""
        return sum(self.parts)


@dataclass(frozen=True)
class Footprint:
    """The memory of one mode.

    Attributes:
        graph, running: the network, and how it is run.
        parts: the bytes of the peak by definition key; they add up to `peak`.
        phase, node: when the peak occurs, and the layer that runs then; None for the loss and the step. The phase is
        "recomputation" while a layer is recomputed for backward, and "prompt" during the pass over a prompt.
        tensors: bytes and number of the persistent tensors, and of the gradients once all exist.
        held: bytes by layer: saved for backward in training, else alive while it runs.
        saved, forward_end: saved for backward, and everything alive, after forward and loss.
        run: the simulated step; generation: the caches.
    """

    graph: Graph
    running: Running
    parts: dict[str, int]
    phase: str
    node: Node | None
    tensors: tuple[tuple[int, int], ...]
    held: dict[int, int] = field(default_factory=dict)
    saved: int = 0
    forward_end: int = 0
    run: Run | None = None
    generation: Generation | None = None

    @property
    def peak(self) -> int:
        """The maximum bytes in tensors at any moment."""
        return sum(self.parts.values())

    def certainty(self, key: str) -> str:
        """The certainty of a part: "exact", "rule" or "estimate"."""
        if self.running.execution == COMPILED and key in ("saved", "temporaries", "forward_end", "peak", "allocated"):
            return ESTIMATE
        if key == "saved" and (self.running.gpu or self.running.precision != "fp32"):
            return RULE
        if key != "inputs" and DEFINITIONS[key].certainty == EXACT and self.declares:
            return ESTIMATE
        return DEFINITIONS[key].certainty

    @cached_property
    def declares(self) -> bool:
        """Whether some of the layers declare their costs."""
        return any(node.layer is not None and node.layer.declared for node, _, _ in walk(self.graph.nodes))

    def samples(self) -> list[Sample]:
        """The run over time; copies that were not simulated individually are interpolated."""
        return list(_samples(self.run)) if self.run is not None else []


def footprint(
    graph: Graph,
    running: Running,
    structure: Structure | None = None,
) -> Footprint:
    """The memory of a run.

    Args:
        running: how it is run, with its defaults.
        structure: the structure of the graph, for `simulate`.

    Raises:
        RequestError: a name in `running.checkpoint` is not a group of layers; the network does not generate, or does not train.
        SpecError: it cannot have that many positions.
    """
    if running.mode == GENERATE:
        return generating(generate(graph, running), running)
    check_checkpoint(graph, running.checkpoint)
    if running.mode == TRAIN:
        check_trains(graph, "--mode inference")
    structure = structure or Structure(graph)
    run = simulate(graph, running, structure)
    moment = run.peak_moment if run.moments else Moment("forward", None, run.base, 0, 0, 0, 0)
    before = itertools.takewhile(lambda one: one is not moment, run.moments)
    again = moment.phase == "forward" and any(one.phase == "loss" for one in before)
    parts = {
        "parameters": run.parameters, "buffers": run.buffers, "optimizer": run.optimizer,
        "gradients": moment.gradients, "inputs": run.inputs, "saved": moment.kept,
        "temporaries": moment.activations + moment.passing,
    }  # fmt: skip
    held = run.layers if running.trains else _alive(run.moments)
    return Footprint(
        graph, running, {key: bytes for key, bytes in parts.items() if bytes},
        "recomputation" if again else moment.phase, moment.node,
        tuple(tensors(graph, running, run.all_gradients, structure)), held, run.saved, run.forward_end, run,
    )  # fmt: skip


def generating(found: Generation, running: Running) -> Footprint:
    """The memory of generation, from what is known about it; `running` is how it is run, with its defaults."""
    prompt = found.peak_in_prompt
    parts = {
        "parameters": found.parameter_bytes, "buffers": found.buffer_bytes,
        **(
            {"cache": prompt.run.caches, "prompt": prompt.run.bytes - prompt.run.caches}
            if prompt is not None
            else {"cache": found.cache_bytes, "step": found.step_bytes}
        ),
    }  # fmt: skip
    held = {id(cache.node): cache.bytes for cache in found.caches}
    pieces = prompt.pieces if prompt is not None else [(one.bytes // one.pieces, one.pieces) for one in found.caches]
    return Footprint(
        found.graph, running, {key: bytes for key, bytes in parts.items() if bytes},
        "prompt" if prompt is not None else "forward", prompt.run.node if prompt is not None else None,
        (*weights(found.graph, running), *pieces), held, generation=found,
    )  # fmt: skip


def _alive(moments: Sequence[Moment]) -> dict[int, int]:
    """The most that is alive while a layer runs, besides weights and the batch."""
    alive: dict[int, int] = {}
    for moment in moments:
        if moment.node is not None and moment.node.layer is not None:
            bytes = moment.activations + moment.passing
            alive[id(moment.node)] = max(alive.get(id(moment.node), 0), bytes)
    return alive


def weights(graph: Graph, running: Running, structure: Structure | None = None) -> Iterator[tuple[int, int]]:
    """Bytes and number of the parameters and buffers; `structure` is that of the graph, if there is one already."""
    yield from Stored(graph, running).parameters() if structure is None else structure.stored(running)
    for node, stored, _ in walk(graph.nodes):
        yield from ((size, stored) for size in buffers(node, running.width))


def tensors(
    graph: Graph, running: Running, all_gradients: bool, structure: Structure | None = None
) -> Iterator[tuple[int, int]]:
    """Like `weights`, with optimizer states, and with the gradients if all of them exist at once."""
    yield from weights(graph, running, structure)
    if not running.trains:
        return
    structure = structure or Structure(graph)
    if OPTIMIZER not in running.offload:
        yield from structure.states(running)
    if all_gradients:
        width = 4 if running.has_wide_gradients else running.width
        yield from ((prod(shape) * width, count) for shape, count in structure.trained.items())


def _samples(run: Run) -> Iterator[Sample]:
    weights = run.parameters + run.buffers + run.inputs
    each = _MOST_TOGETHER // max(1, sum(moment.pattern for moment in run.moments if moment.count > 1))
    for index, moment in enumerate(run.moments):
        layer = moment.node.id if moment.node is not None else ""
        moments = [moment]
        if moment.count > 1:
            moments = list(_repeated(run.moments[index - moment.pattern : index], moment, each))
        for one in moments:
            alive = one.kept + one.activations + one.passing
            yield Sample(moment.phase, layer, (weights, run.optimizer, one.gradients, alive))


def _repeated(pattern: Sequence[Moment], last: Moment, most: int) -> Iterator[Moment]:
    """Copies that were not simulated individually: each like the one before, plus what is kept in between.

    Gives at least one of them and at most `most`.
    """
    copies = min(last.count, max(1, min(most, _MOST_SAMPLES // max(1, len(pattern)))))
    for copy in range(1, copies + 1):
        for one in pattern:
            kept = one.kept + (last.kept - pattern[-1].kept) * copy // copies
            gradients = one.gradients + (last.gradients - pattern[-1].gradients) * copy // copies
            yield replace(one, kept=max(0, kept), gradients=max(0, gradients))


def check_checkpoint(graph: Graph, names: Sequence[str]) -> None:
    """Raise `RequestError` for an unknown block or group of layers."""
    groups = [node for node, _, _ in walk(graph.nodes) if node.layer is None]
    known = dict.fromkeys(name for node in groups for name in (node.name, node.op, node.id) if name)
    for name in names:
        if name not in known:
            near = suggest(name, list(known))
            there = ", ".join(list(known)[:12])
            hint = f"did you mean `{near}`?" if near else f"expected one of {there}" if known else "it has none"
            raise RequestError(f"{graph.path}: no block or group of layers is named `{name}`: {hint}")
