"""What budgets of memory are about: a training step with Adam and a forward pass, in fp32, for the batch of the graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archcalc.rules.model import Model

if TYPE_CHECKING:
    from archcalc.memory.run import Run

_WIDTH = 4
_NAMED = 3


def training_bytes(model: Model) -> tuple[int, int]:
    """Bytes that are there all the time, and how many more there are at the peak of a training step."""
    return _base_and_more(run_of(model, True))


def inference_bytes(model: Model) -> tuple[int, int]:
    """The same of a forward pass without gradients."""
    return _base_and_more(run_of(model, False))


def run_of(model: Model, training: bool) -> Run:
    """A training step or a forward pass, gone through without running."""
    from archcalc.memory.plan import Plan  # most specs have no such budget
    from archcalc.memory.simulation import simulate

    return simulate(model.graph, Plan(training=training))


def largest(model: Model, run: Run) -> list[tuple[str, int]]:
    """The layers that take most in a run, and their bytes: parameters with what Adam keeps of them, and what backward needs."""
    weights = max(1, run.parameters)
    of_all = run.parameters + run.optimizer
    taken = {
        node.id: model.costs.own(node).params * _WIDTH * of_all // weights + run.layers.get(id(node), 0)
        for node in model.costs.layers()
    }
    return sorted(((id, bytes_) for id, bytes_ in taken.items() if bytes_), key=lambda pair: -pair[1])[:_NAMED]


def _base_and_more(run: Run) -> tuple[int, int]:
    return run.base, run.peak - run.base
