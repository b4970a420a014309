"""The specs that the tests of this folder build: each file of specs/ with each of its variants."""

from __future__ import annotations

import re
from functools import cache

from torch import nn

from archcalc.cost import Costs
from archcalc.network.gradients import backward
from archcalc.network.graph import layers_of, walk
from archcalc.network.load import Graph, load_graph
from tests.cases import CASES, shared
from tests.conftest import ROOT
from tests.outcome import TIMES


def path(case: str) -> str:
    """`vgg16@bn` as what the command line takes."""
    name, at, variant = case.partition("@")
    return f"{ROOT / 'specs' / name}.yaml{at}{variant}"


def load(case: str, batch: int = 1, **given: str) -> Graph:
    """The graph of a case."""
    return load_graph(path(case), given, batch)


# Copies and steps that each do what the one before does, and how many of them are enough to see it.
_ALIKE = {
    "depth": 3, "steps": 4, "words": 4, "src_len": 6, "tgt_len": 5, "frames": 100, "chars": 4, "third": 2, "quarters": 1,
    "experts": 8, "top_k": 8, "triples": 1,
}  # fmt: skip
# The same where each step is computed by itself.
_RECURRING = {**_ALIKE, "frames": 12, "seq": 4}


def short(case: str, batch: int = 1) -> Graph:
    """The graph of a case with fewer copies of its layers and fewer steps, where it has many of them."""
    graph = shared(case, batch)
    recurs = any(node.listed or node.op == "selectivescan" for node, _, _ in walk(graph.nodes))
    alike, sizes = _RECURRING if recurs else _ALIKE, graph.settings.values
    fewer = {name: str(few) for name, few in alike.items() if int(sizes.get(name, 0)) > few}
    return load(case, batch, **fewer) if fewer else graph


def without_gradient(graph: Graph, module: nn.Module) -> list[str]:
    """Trainable parameters that the backward pass gave no gradient, though an output depends on them."""
    trained = {id(one.node) for one in backward(graph)}
    # What no output depends on has none, nor what only an index depends on.
    aside = {node.id for node in layers_of(graph.nodes) if id(node) not in trained}
    idle = [name for name, one in module.named_parameters() if one.requires_grad and one.grad is None]
    layers = {name: name.rpartition(".")[0] for name in idle}
    # Copies that are equal stand under the name of the first.
    return [name for name in idle if not {layers[name], re.sub(r"\.\d+(?=\.)", ".0", layers[name])} & aside]


@cache
def is_small(case: str) -> bool:
    """Whether a step of training takes no more than a moment on a CPU."""
    totals = Costs(shared(case)).totals
    return totals.params < 3_000_000 and totals.macs < 300_000_000 and totals.activation_bytes < 100_000_000


def distinct(spec: str) -> list[str]:
    """A spec and its small variants: one in a larger size has the same layers.

    Of these variants those alone that have a layer, or give one another argument, than the ones before; with
    ARCHCALC_EXAMPLES above 1 all.
    """
    cases = [case for case in CASES if case == spec or (case.startswith(f"{spec}@") and is_small(case))]
    seen: set[tuple[str, ...]] = set()
    found = []
    for case in cases:
        if TIMES > 1 or not kinds(case) <= seen:
            found.append(case)
            seen |= kinds(case)
    return found


def kinds(case: str) -> set[tuple[str, ...]]:
    """Its layers, each with the names of the arguments that are not what they are by default, and with those that are words."""
    found = set()
    for node in layers_of(shared(case).nodes):
        layer, said = node.layer, []
        for name in layer.arguments:
            value = getattr(layer, name)
            if value != layer.defaults.get(name):
                said.append(f"{name}={value}" if isinstance(value, str | bool) else name)
        found.add((layer.op, *said))
    return found


# Specs that are large as they stand, in a size that runs in a moment.
_TEXT = {"vocab": "50", "width": "16", "heads": "4", "depth": "2"}
SHRUNK = {
    "gpt2": {**_TEXT, "seq": "12"},
    "llama3": {**_TEXT, "kv_heads": "2", "ff": "24", "seq": "12"},
    "mixtral": {**_TEXT, "kv_heads": "2", "ff": "24", "seq": "12"},
    "t5": {**_TEXT, "hidden": "24", "source": "12", "target": "9"},
    "bert": {**_TEXT, "seq": "12"},
    "transformer": {**_TEXT, "ff": "24", "src_len": "12", "tgt_len": "9"},
    "vit": {"patch": "56", "width": "16", "heads": "4", "depth": "2"},
    "swin": {"width": "8", "heads": "2", "pairs": "1"},
    "convnext": {"width": "8", "third": "2"},
}


def shrunk(name: str, batch: int = 2) -> Graph:
    """A large spec in a small size."""
    return load(name, batch, **SHRUNK[name])
