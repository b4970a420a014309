"""What every form of a report about memory says in words, and the layers that hold the most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archcalc.layers.attention_memory import AttentionMemory
from archcalc.layers.sdpa import SDPA
from archcalc.memory.assessment import Assessment
from archcalc.memory.footprint import GENERATION, TRAINING, Footprint
from archcalc.memory.limits import Limit
from archcalc.network.graph import Node, walk
from archcalc.reports import numbers


def where(found: Footprint) -> str:
    """When the peak is: "in the backward pass, at `fc6`"."""
    if found.generation is not None:
        return f"with {found.generation.length:,} positions"
    if found.phase == "step":
        return "in the optimizer's step"
    if found.phase == "loss":
        return "at the loss"
    if found.phase == "recomputation" and found.node is not None:
        return f"while `{found.node.id}` runs again for backward"
    if found.node is not None:
        return f"in the {found.phase} pass, at `{found.node.id}`"
    return f"in the {found.phase} pass" + (", at the loss" if found.mode == TRAINING else "")


def facts(answer: Assessment) -> list[str]:
    """How it is run: batch, type, optimizer."""
    plan = answer.question.plan
    words = [f"batch {answer.graph.batch:,}", plan.dtype + (" with an fp32 copy" if plan.mixed else "")]
    if answer.mode(TRAINING) is not None:
        words.append(plan.optimizer)
        words += [f"checkpoint {name}" for name in plan.checkpoint]
    if plan.attention is not None:
        words.append(f"{plan.attention} attention")
    if answer.mode(GENERATION) is not None and answer.question.cache_dtype is not None:
        words.append(f"cache in {answer.question.cache_dtype}")
    if answer.question.device is not None:
        words.append(f"on {answer.question.device.name}")
    return words


def assumed(answer: Assessment) -> str:
    """What the peaks of a run and of a step assume, as a sentence; "" where neither was asked for."""
    plan, training = answer.question.plan, answer.mode(TRAINING)
    runs = [mode.found for mode in answer.modes if mode.found.run is not None]
    if not runs:
        return ""
    words = ["the kernels of a GPU" if runs[0].plan.gpu else f"{plan.threads} threads"]
    if training is not None:
        words.append("an output that lives through backward and step")
    if plan.attention is None and any(_attends(node) for node, _, _ in walk(answer.graph.nodes)):
        words.append("attention in one kernel where PyTorch has one")
    if training is not None:
        states = "" if plan.optimizer == "sgd" else f", states in {'fp32' if plan.mixed else plan.dtype}"
        words.append(f"gradients in {plan.dtype}{states}")
    return f"assumes {', '.join(words)}"


def _attends(node: Node) -> bool:
    return isinstance(node.layer, (AttentionMemory, SDPA))


def sentence(limit: Limit) -> str:
    """`largest batch 59: 60 takes 80.5 GB`."""
    if limit.unbounded:
        return f"any {limit.name} fits: memory does not grow with it"
    head = f"largest {limit.name} {limit.value:,}" if limit.value else f"no {limit.name} fits"
    if limit.next_bytes is None:
        return f"{head}: {limit.next:,} is not possible, {limit.stopped_by}"
    return f"{head}: {limit.next:,} takes {numbers.size(limit.next_bytes)}"


def value(limit: Limit | None) -> str:
    """The largest value alone: `59`, `none`, `any`; empty where it was not asked for."""
    if limit is None:
        return ""
    return "any" if limit.unbounded else numbers.exact(limit.value) if limit.value else "none"


@dataclass(frozen=True)
class Holder:
    """A layer, or a group that keeps what goes into it, with its bytes; `count` copies of it at once."""

    node: Node
    count: int
    bytes: int


def holders(found: Footprint, most: int) -> tuple[list[Holder], list[Holder]]:
    """The layers that hold the most, and all others."""
    alone = _one_at_a_time(found.graph.nodes, found.plan.checkpoint if found.mode == TRAINING else ())
    held = [
        Holder(node, runs // alone.get(id(node), 1), found.held[id(node)])
        for node, _, runs in walk(found.graph.nodes)
        if found.held.get(id(node))
    ]
    held.sort(key=lambda holder: -holder.bytes)
    return held[:most], held[most:]


def _one_at_a_time(nodes: list[Node], checkpoint: Sequence[str]) -> dict[int, int]:
    """How many copies of a checkpointed group run again one after the other, by what is inside of it."""
    return {
        id(inner): runs
        for node, _, runs in walk(nodes)
        if node.children and {node.name, node.op, node.id} & set(checkpoint)
        for inner, _, _ in walk(node.children)
    }
