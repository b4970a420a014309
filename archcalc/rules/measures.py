"""What budgets and growth limits can limit: each measure of `BUDGETS`, as a number of a model."""

from __future__ import annotations

from collections.abc import Callable

from archcalc.rules.memory import inference_bytes, training_bytes
from archcalc.rules.model import Model

MEASURES: dict[str, Callable[[Model], int]] = {
    "params": lambda model: model.costs.totals.params,
    "trainable": lambda model: model.costs.totals.trainable,
    "macs": lambda model: model.sample_costs.totals.macs,
    "depth": lambda model: model.depth,
    "memory": lambda model: sum(training_bytes(model)),
    "inference_memory": lambda model: sum(inference_bytes(model)),
}
# Their names in a sentence.
NAMES = {
    "params": "parameters",
    "trainable": "trainable parameters",
    "macs": "MACs",
    "depth": "layers with weights on the longest path",
    "memory": "bytes for training",
    "inference_memory": "bytes for inference",
}
