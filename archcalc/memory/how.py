"""How a network is run: the given settings, the spec's `run:`, the defaults, and the attention kernel."""

from __future__ import annotations

from collections.abc import Iterator

from archcalc.devices import Device
from archcalc.layers.heads import Heads
from archcalc.layers.kernels.attention import is_fused
from archcalc.layers.scores import Scored
from archcalc.layers.sdpa import SDPA
from archcalc.network.freezing import untrainable
from archcalc.network.graph import walk
from archcalc.network.load import Graph
from archcalc.running import Running
from archcalc.running.declaration import AUTO, EFFICIENT, FLASH, GENERATE, INFERENCE, MATH, TRAIN
from archcalc.running.defaults import settled
from archcalc.running.refusals import OF


def how(graph: Graph, said: Running, mode: str, chip: Device | None = None) -> Running:
    """How the network is run in a mode, with all defaults; the batch is the graph's.

    If the spec names no loss, `mse_loss` is among the assumptions.

    Raises:
        RequestError: an unknown device, or contradictory settings.
    """
    found = settled(said, mode, chip, [graph.document.run(graph.variant)])
    attention = _attention(graph, found) if found.attention == AUTO else found.attention
    loss = [f"{graph.document.trained_on}_loss"] if mode == TRAIN and graph.document.loss is None else []
    batch_is_said = "batch" not in found.assumed or graph.batch != 1
    return found.also(batch=graph.batch, attention=attention).assuming(
        name
        for name in dict.fromkeys((*found.assumed, *(["attention"] if found.attention == AUTO else []), *loss))
        if (name != "batch" or not batch_is_said) and (name != "attention" or attention)
    )


def mode_of(graph: Graph, said: Running) -> str:
    """The mode for commands that show a single number.

    It is the given mode, or the only one that the given settings apply to, else training if anything is trained.
    """
    mode = said.over(graph.document.run(graph.variant)).mode
    if not mode and any(OF.get(name) == GENERATE for name in said.said):
        return GENERATE
    return mode or (INFERENCE if untrainable(graph) else TRAIN)


def _attention(graph: Graph, running: Running) -> str | None:
    """The kernel that PyTorch chooses; `auto` if it chooses several, None without attention."""
    fused = {_is_fused(layer, running) for layer in _attending(graph)}
    if not fused:
        return None
    if len(fused) > 1:
        return AUTO
    if not fused.pop():
        return MATH
    if not running.gpu or running.chip is None:
        return FLASH  # the CPU's own
    modern = "bf16" in running.chip.peaks  # from compute capability 8.0
    return FLASH if modern and running.types.computes in ("bf16", "fp16") and not _is_masked(graph) else EFFICIENT


def _attending(graph: Graph) -> Iterator[Scored]:
    return (node.layer for node, _, _ in walk(graph.nodes) if isinstance(node.layer, Scored))


def _is_fused(layer: Scored, running: Running) -> bool:
    """Whether one kernel computes scores and weighted values."""
    learned = layer.relbias is not None and running.trains
    if isinstance(layer, Heads):
        return is_fused(layer, learned) and (running.gpu or not layer.dropout or not running.trains)
    assert isinstance(layer, SDPA)
    return layer.can_fuse(learned, running.gpu, running.trains)


def _is_masked(graph: Graph) -> bool:
    """Whether there is a mask other than a causal one: the flash kernels take none."""
    return any(layer.is_masked for layer in _attending(graph))
