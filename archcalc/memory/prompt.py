"""The pass over a prompt: what is alive besides weights while all its positions are computed at once."""

from __future__ import annotations

from dataclasses import dataclass

from archcalc.memory.positions import named
from archcalc.memory.simulation import simulate
from archcalc.memory.structure import Structure
from archcalc.network.graph import Node
from archcalc.network.load import Graph
from archcalc.running import Running
from archcalc.running.declaration import INFERENCE

# Logits are copied to fp32 to choose from them.
_COPY = 4


@dataclass(frozen=True)
class Pass:
    """The memory of a pass besides weights.

    Attributes:
        bytes: the peak, including the prompt itself and the caches that exist then.
        caches: the bytes of these caches; 0 while an encoder runs.
        node: the layer that runs at the peak.
    """

    bytes: int
    caches: int
    node: Node | None


def prompt_pass(
    graph: Graph, running: Running, dim: str, rows: int, caches: int = 0, structure: Structure | None = None
) -> Pass:
    """The pass over all positions of a graph, which computes the logits of only `rows` of them.

    Args:
        running: how it generates, with its defaults.
        dim: the dim that counts the positions.
        rows: the last positions, over all samples; only their logits are computed, as engines and transformers do.
        caches: the bytes of all caches after it.
        structure: that of the graph, if known.
    """
    positions = int(graph.settings.values[dim])
    run = simulate(graph, running.also(mode=INFERENCE, length=None, new_tokens=None, cache=None), structure)
    outputs = {id(y) for y in graph.outputs.values()}
    found = Pass(0, 0, None)
    for moment in run.moments:
        alive = moment.live - run.base
        if moment.node is not None and id(moment.node.exit) in outputs:
            logits = moment.node.exit.numel // positions
            whole = logits * positions * graph.batch * running.width
            alive += logits * rows * (running.width + _COPY) - min(whole, alive)
        kept = caches if moment.node is not None and dim in named(moment.node.exit.shape) else 0
        if alive + kept >= found.bytes:
            found = Pass(alive + kept, kept, moment.node)
    return Pass(found.bytes + run.inputs, found.caches, found.node)
