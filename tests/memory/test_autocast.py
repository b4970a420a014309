"""What a network takes under autocast is what PyTorch's allocator records on the CPU, in training and at inference."""

from __future__ import annotations

import pytest
import torch

from archcalc.diagnostics import Source
from archcalc.memory.how import how
from archcalc.memory.simulation import simulate
from archcalc.network.load import build_graph
from archcalc.pytorch.memory import peak_bytes
from archcalc.pytorch.profile import Session
from archcalc.pytorch.setup import Setup, applied
from archcalc.running import Running
from tests.memory.processors import needs_bf16

CPU = torch.device("cpu")
pytestmark = needs_bf16
# Layers, and how far each may be apart in training and at inference.
NETWORKS = {
    "gru 160": (0.002, 0.001),
    "linear 64, gru 160, rnn 128": (0.002, 0.001),
    "rnn 160, rnn 128 layers=2, linear 40": (0.002, 0.002),
    "rnn 100 layers=3, linear 8": (0.002, 0.005),
    "rnn 100 bidirectional=true, linear 8": (0.002, 0.005),
    "gru 80 layers=2 bidirectional=true, linear 8": (0.002, 0.005),
    "lstm 60 layers=2 bidirectional=true proj=30, linear 8": (0.01, 0.005),
    "lstm 160, linear 50": (0.001, 0.001),
    "linear 128, lstm 200 layers=2 bidirectional=true, linear 50": (0.001, 0.02),
    "linear 192, {residual: [layernorm, attention heads=3]}, linear 32": (0.005, 0.001),
    "linear 192, layernorm, attention 4 causal=true, linear 32": (0.005, 0.001),
    "linear 192, attention 4 kv_heads=2 bias=false, linear 32": (0.01, 0.001),
    "linear 192, {repeat: 2, layers: [{residual: [rmsnorm, attention 6 kv_heads=3 dropout=0.1]}, linear 192]}": (
        0.03,
        0.001,
    ),
    "linear 300, relu, linear 40": (0.001, 0.001),
    "{residual: [linear 96]}, linear 8": (0.001, 0.001),  # the sum of a wide and a narrow tensor
}


@pytest.mark.filterwarnings("ignore:Mismatch dtype")  # of a norm with fp32 scales
@pytest.mark.parametrize("mode", ["train", "inference"])
@pytest.mark.parametrize("layers", NETWORKS)
def test_equals_the_allocator(layers: str, mode: str) -> None:
    said = Running(mode=mode, threads=1, precision="autocast-bf16")
    graph = build_graph(Source("t.yaml", f"{{model: m, input: [40, 96], layers: [{layers}]}}"), batch=8, said=said)
    setup = Setup(said)
    with applied(setup, CPU):
        session = Session(graph, setup, CPU)
        session.run()
        measured = peak_bytes(session.run, CPU, session.held())
    apart = NETWORKS[layers][mode == "inference"]
    assert simulate(graph, how(graph, said, mode)).peak == pytest.approx(measured, rel=apart)
