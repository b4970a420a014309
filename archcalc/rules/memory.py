"""The measures of memory budgets: a training step and a forward pass, computed as in `archcalc memory`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archcalc.rules.model import Model

if TYPE_CHECKING:
    from archcalc.memory.footprint import Footprint

_NAMED = 3


def training_bytes(model: Model) -> tuple[int, int]:
    """Bytes that exist all the time, and how many more exist at the peak of a training step."""
    return _base_and_more(found(model, training=True))


def inference_bytes(model: Model) -> tuple[int, int]:
    """The same for a forward pass without gradients."""
    return _base_and_more(found(model, training=False))


def found(model: Model, training: bool) -> Footprint:
    """A training step or a forward pass, simulated without running it."""
    from archcalc.memory.footprint import footprint  # most specs have no such budget
    from archcalc.memory.how import how
    from archcalc.running import Running
    from archcalc.running.declaration import INFERENCE, TRAIN

    said, mode = model.said or Running(), TRAIN if training else INFERENCE
    return footprint(model.graph, how(model.graph, said, mode, model.device))


def largest(model: Model, found: Footprint) -> list[tuple[str, int]]:
    """The layers that take most, and their bytes: parameters, optimizer state, and what the backward pass needs."""
    run, width = found.run, found.running.width
    assert run is not None
    weights = max(1, run.parameters)
    of_all = run.parameters + run.optimizer
    taken = {
        model.told(node): model.costs.own(node).params * width * of_all // weights + run.layers.get(id(node), 0)
        for node in model.costs.layers()
    }
    return sorted(((layer, bytes_) for layer, bytes_ in taken.items() if bytes_), key=lambda pair: -pair[1])[:_NAMED]


def _base_and_more(found: Footprint) -> tuple[int, int]:
    assert found.run is not None
    return found.run.base, found.peak - found.run.base
