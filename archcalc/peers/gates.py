"""What tools count of the gates of recurrent layers, in modules that run over a sequence and in cells."""

from __future__ import annotations

from archcalc.layers.cells import Cell
from archcalc.layers.recurrent import Recurrent
from archcalc.peers.base import Deltas, Rule
from archcalc.peers.call import Call

GATES = "it counts biases, sums and products of gates in recurrent layers"


def of_steps(each: int, call: Call) -> int:
    """The operations of all steps: `each` for a unit, and one for each bias of a gate."""
    layer = call.layer
    assert isinstance(layer, Recurrent)
    units = call.batch * int(call.x.shape[0] * layer.layers * layer.directions * layer.hidden)
    return units * (each + layer.biases * layer.products)


def of_cells(each: int) -> Rule:
    """A rule for cells, which take one step."""

    def count(call: Call) -> Deltas:
        assert isinstance(call.layer, Cell)
        return {GATES: call.written * (each + (2 * call.layer.products if call.layer.bias else 0))}

    return count
