"""What sums and products of tensors of different types need in passing, and tables of positions."""

from __future__ import annotations

from tests.each import each
from tests.memory.processors import needs_bf16
from tests.memory.test_in_passing import apart

LAYERS = (
    "layerscale", "{mul: [prev, p]}, tanh", "{mul: [p, prev]}, linear 8", "{mul: [prev, v]}", "{sub: [p, prev]}, tanh",
    "{mul: [a, prev]}, tanh", "layerscale name=w, {mul: [w, a]}, tanh", "layerscale name=w, {mul: [a, w]}, linear 2", "posembed, linear 2", "posembed kind=sinusoidal",
)  # fmt: skip


@needs_bf16
@each(LAYERS)
def test_operands_of_different_types(layers: str) -> None:
    """Under autocast parameters and inputs are in fp32, what is projected in 16 bits, also where it is the first factor."""
    before = "parameter 64x64 name=p, parameter 64 name=v, linear 64 from=input name=a, sigmoid"
    for mode in ("inference", "train"):
        text = f"{{model: m, input: [64, 16], layers: [{before}, {layers}]}}"
        found, measured = apart(text, mode, 4, precision="autocast-bf16")
        assert abs(found / measured - 1) < 0.002, (mode, found, measured)


@each(["posembed", "posembed kind=sinusoidal"])
def test_tables_of_positions(layer: str) -> None:
    for mode in ("inference", "train"):
        for batch in (1, 8):
            text = f"{{model: m, input: [64, 16], layers: [linear 64, {layer}]}}"
            found, measured = apart(text, mode, batch)
            assert abs(found / measured - 1) < 0.002, (mode, batch, found, measured)
