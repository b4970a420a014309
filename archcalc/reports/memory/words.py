"""Sentences that the forms of a memory report share, and the layers that hold the most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archcalc.devices import Device
from archcalc.memory.assessment import Assessment, Mode
from archcalc.memory.footprint import Footprint
from archcalc.memory.limits import Limit
from archcalc.memory.sizes import BATCH
from archcalc.network.graph import Node, walk
from archcalc.reports import numbers
from archcalc.running import Running


def where(found: Footprint) -> str:
    """When the peak occurs: "in the backward pass, at `fc6`"."""
    if found.generation is not None:
        prompt = found.generation.peak_in_prompt
        if prompt is None:
            return f"with {found.generation.length:,} positions"
        place = f", at `{found.node.told}`" if found.node is not None else ""
        return f"in the pass over a prompt of {prompt.positions:,} positions{place}"
    if found.phase == "step":
        return "in the optimizer's step"
    if found.phase == "loss":
        return "at the loss"
    if found.phase == "recomputation" and found.node is not None:
        return f"while `{found.node.told}` runs again for backward"
    if found.node is not None:
        return f"in the {found.phase} pass, at `{found.node.told}`"
    return f"in the {found.phase} pass" + (", at the loss" if found.running.trains else "")


def runs(answer: Assessment) -> list[Running]:
    """How each mode is run."""
    return [mode.found.running for mode in answer.modes]


def verdict(mode: Mode, chip: Device | None) -> str:
    """Whether a mode fits, and what would make it fit: "does not fit: 3.1 GB too much; batch 7 fits"."""
    assert mode.limit is not None
    left = mode.limit - mode.needed
    where = f" on {chip.title}" if chip is not None else ""
    if mode.fits:
        return f"{mode.name} fits{where}: {numbers.size(left) or 'nothing'} left of {numbers.size(mode.limit)}"
    batch = mode.found.graph.batch
    ways = [f"batch {limit.value:,} fits" for limit in mode.limits if limit.name == BATCH and limit.value]
    ways += [f"{way.sentence} fits at batch {batch:,}" for way in mode.ways]
    head = f"{mode.name} does not fit{where}: {numbers.size(-left)} more than {numbers.size(mode.limit)}"
    return "; ".join([head, *(ways or ["nothing that was tried makes it fit"])])


def sentence(limit: Limit) -> str:
    """`largest batch 59: 60 takes 80.5 GB`."""
    if limit.unbounded:
        return f"any {limit.name} fits: memory does not grow with it"
    head = f"largest {limit.name} {limit.value:,}" if limit.value else f"no {limit.name} fits"
    if limit.next_bytes is None:
        return f"{head}: {limit.next:,} is not possible, {limit.stopped_by}"
    return f"{head}: {limit.next:,} takes {numbers.size(limit.next_bytes)}"


def value(limit: Limit | None) -> str:
    """Just the largest value: `59`, `none`, `any`; empty if it was not requested."""
    if limit is None:
        return ""
    return "any" if limit.unbounded else numbers.exact(limit.value) if limit.value else "none"


@dataclass(frozen=True)
class Holder:
    """A layer, or a group that saves its input, with its bytes; `count` copies of it at once."""

    node: Node
    count: int
    bytes: int


def holders(found: Footprint, most: int) -> tuple[list[Holder], list[Holder]]:
    """The layers that hold the most, and a sum for all others."""
    alone = _one_at_a_time(found.graph.nodes, found.running.checkpoint)
    held = [
        Holder(node, runs // alone.get(id(node), 1), found.held[id(node)])
        for node, _, runs in walk(found.graph.nodes)
        if found.held.get(id(node))
    ]
    held.sort(key=lambda holder: -holder.bytes)
    return held[:most], held[most:]


def _one_at_a_time(nodes: list[Node], checkpoint: Sequence[str]) -> dict[int, int]:
    """How many copies of a checkpointed group are recomputed one after the other, by the nodes inside it."""
    return {
        id(inner): runs
        for node, _, runs in walk(nodes)
        if node.children and {node.name, node.op, node.id} & set(checkpoint)
        for inner, _, _ in walk(node.children)
    }
