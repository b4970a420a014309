"""What would make a network fit: other run settings, each verified."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass

from archcalc.diagnostics import RequestError
from archcalc.memory.allocator import taken
from archcalc.memory.footprint import footprint
from archcalc.memory.structure import Structure
from archcalc.network.graph import walk
from archcalc.network.load import Graph, graph_at
from archcalc.running import Running
from archcalc.running.declaration import CHUNKED, GENERATE, OPTIMIZER
from archcalc.running.defaults import settled
from archcalc.running.precisions import PRECISIONS

# The rank of the adapters that are tried.
_RANK = 16
# How many groups of layers are tried as checkpoints.
_GROUPS = 4


# An option, the same in a sentence, and the fields that it sets.
Other = tuple[str, str, dict[str, object]]


@dataclass(frozen=True)
class Way:
    """Run settings with which a network fits.

    Attributes:
        option: what to add to the command line. sentence: the same in words.
        bytes: the bytes needed then.
    """

    option: str
    sentence: str
    bytes: int


def ways(graph: Graph, running: Running, structure: Structure, limit: int) -> list[Way]:
    """Ways to stay within `limit` at the same batch: each change alone or, if none suffices, with checkpoints."""
    alone = list(_others(graph, running))
    return _fitting(graph, running, structure, limit, alone) or _fitting(
        graph, running, structure, limit, _together(alone)
    )


def _together(alone: list[Other]) -> Iterator[Other]:
    """The first checkpoint with each other change, and with all that save the least."""
    first = next((one for one in alone if "checkpoint" in one[2]), None)
    for option, sentence, other in alone if first is not None else ():
        if first is not None and "checkpoint" not in other:
            yield f"{first[0]} {option}", f"{first[1]} with {sentence}", {**first[2], **other}
    least = [one for one in alone if "weights" in one[2] or "loss" in one[2]]
    if first is not None and len(least) > 1:
        options, sentences, others = zip(first, *least)
        said = {name: value for other in others for name, value in other.items()}
        yield " ".join(options), f"{sentences[0]} with {' and '.join(sentences[1:])}", said


def _fitting(graph: Graph, running: Running, structure: Structure, limit: int, others: Iterable[Other]) -> list[Way]:
    found = []
    for option, sentence, other in others:
        try:
            one = settled(Running(**{**running.said, **other}), running.mode, running.chip)
        except RequestError:  # the device does not support this
            continue
        other_graph = (one.freeze, one.lora, one.lora_on) != (running.freeze, running.lora, running.lora_on)
        try:
            made = footprint(_trained(graph, one), one) if other_graph else footprint(graph, one, structure)
        except RequestError:  # nothing is left to train
            continue
        bytes = made.peak if running.chip is None else taken(made, running.chip).shown
        if bytes <= limit:
            found.append(Way(option, sentence, bytes))
    return found


def _others(graph: Graph, running: Running) -> Iterator[Other]:
    if running.trains and not running.checkpoint:
        for name in repeated(graph):
            yield f"--checkpoint {name}", f"checkpointing `{name}`", {"checkpoint": [name]}
    if running.trains and not running.freeze:
        for name in repeated(graph)[:1]:
            yield f"--freeze {name}", f"freezing `{name}`", {"freeze": [name]}
    if running.trains:
        yield from _lighter(running)
    elif not running.weights:
        for kind in ("int8", "int4"):
            yield f"--weights {kind}", f"quantising weights to {kind}", {"weights": kind}
    if running.mode == GENERATE and not running.cache:
        yield "--cache fp8", "an fp8 cache", {"cache": "fp8"}
    for precision in _narrower(running):
        yield f"--precision {precision}", precision.replace("-", " "), {"precision": precision}


def _trained(graph: Graph, running: Running) -> Graph:
    """The network with other parts trained."""
    document = copy(graph.document)
    document.said = running
    return graph_at(document, graph.steps, graph.variant, graph.given, graph.batch)


def _lighter(running: Running) -> Iterator[Other]:
    """Optimizers that keep less, training only adapters, and optimizer states in host memory."""
    if running.optimizer in ("adam", "adamw"):
        yield "--optimizer adam8bit", "adam8bit", {"optimizer": "adam8bit"}
    if not (running.lora or running.freeze):
        yield "--lora 16", "lora of rank 16", {"lora": _RANK}
        yield "--lora 16 --weights nf4", "lora on nf4 weights", {"lora": _RANK, "weights": "nf4"}
    if not running.loss:
        yield "--loss chunked", "a chunked loss", {"loss": CHUNKED}
    if not running.offload:
        yield "--offload optimizer", "optimizer states on the host", {"offload": [OPTIMIZER]}


def _narrower(running: Running) -> Iterator[str]:
    """Precisions that keep less, those that people train with first."""
    wanted = ("autocast-bf16", "bf16") if running.trains else ("bf16",)
    kind = "fp16" if running.chip is not None and "bf16" not in running.chip.peaks else "bf16"
    for precision in wanted:
        name = precision.replace("bf16", kind)
        types = PRECISIONS[name]
        less = types.width < running.types.width or (types.autocast and not running.types.autocast)
        if name != running.precision and less and not (running.types.has_copy and types.autocast):
            yield name


def repeated(graph: Graph) -> list[str]:
    """Names of groups of layers that occur several times, those with the most layers first."""
    counts: dict[str, int] = {}
    for node, _, runs in walk(graph.nodes):
        name = node.name or node.op or node.id
        if node.layer is None and runs > 1 and name:
            counts[name] = counts.get(name, 0) + runs * sum(1 for _ in walk(node.children))
    return sorted(counts, key=lambda name: -counts[name])[:_GROUPS]
