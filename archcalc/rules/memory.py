"""What budgets of memory are about: a training step with Adam and a forward pass, in fp32, for the batch of the graph."""

from __future__ import annotations

from archcalc.rules.model import Model


def training_bytes(model: Model) -> tuple[int, int]:
    """Bytes that are there all the time, and how many more there are at the peak of a training step."""
    return _bytes(model, True)


def inference_bytes(model: Model) -> tuple[int, int]:
    """The same of a forward pass without gradients."""
    return _bytes(model, False)


def _bytes(model: Model, training: bool) -> tuple[int, int]:
    from archcalc.memory.plan import Plan  # most specs have no such budget
    from archcalc.memory.simulation import simulate

    run = simulate(model.graph, Plan(training=training))
    return run.base, run.peak - run.base
