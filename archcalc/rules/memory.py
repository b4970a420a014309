"""What a model holds in memory at least, as its budgets count it: in fp32, for the batch of the graph."""

from __future__ import annotations

from archcalc.rules.model import Model

_BYTES = 4
# For each parameter: the weight, its gradient, and the two averages of Adam.
_TRAINING = 4 * _BYTES


def training_bytes(model: Model) -> tuple[int, int]:
    """Bytes of parameters with what training keeps beside them, and of the outputs of all layers."""
    totals = model.costs.totals
    return _TRAINING * totals.params + _BYTES * totals.buffers, totals.activation_bytes


def inference_bytes(model: Model) -> tuple[int, int]:
    """Bytes of parameters and buffers, and the most that one layer reads and gives; in place where it can be."""
    totals = model.costs.totals
    most = 0
    for placed in model.layers:
        node = placed.node
        read = sum({model.name(tensor): int(tensor.elements) for tensor in node.inputs}.values())
        given = 0 if node.is_view else int(node.exit.elements)
        most = max(most, max(read, given) if node.layer and node.layer.elementwise else read + given)
    return _BYTES * (totals.params + totals.buffers), _BYTES * most * model.graph.batch
