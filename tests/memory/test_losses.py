"""What every loss keeps for backward and needs in passing is what PyTorch's allocator records."""

from __future__ import annotations

import pytest
import torch

from archcalc.diagnostics import Source
from archcalc.language.document import LOSSES as NAMES
from archcalc.memory.losses import LOSSES
from archcalc.memory.simulation import simulate
from archcalc.network.load import build_graph
from archcalc.pytorch.memory import cpu_allocations, peak_bytes
from archcalc.pytorch.profile import Session
from archcalc.pytorch.setup import Setup
from archcalc.running import Running
from tests.runs import run_of

CPU = torch.device("cpu")
# Scalars of the losses and their sums, which are not counted.
SCALARS = 100
WIDTHS = {"fp32": 4, "bf16": 2}


def test_every_loss_is_there() -> None:
    assert set(LOSSES) == set(NAMES)


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("loss", NAMES)
def test_equals_the_allocator(loss: str, outputs: int, dtype: str) -> None:
    more = ["linear 300 name=a", "linear 400 name=b from=input"][:outputs]
    names = ", ".join("ab"[:outputs])
    text = f"{{model: m, input: [100, 4], layers: [{', '.join(more)}], output: [{names}], loss: {loss}}}"
    graph = build_graph(Source("t.yaml", text), batch=3)
    session = Session(graph, Setup(Running(mode="train", precision=dtype, optimizer="sgd")), CPU)
    session.run()
    peak = peak_bytes(session.run, CPU, session.held())
    ended: list[torch.Tensor] = []
    assert session.update is not None
    session.update.zero_grad()
    *_, after = cpu_allocations(lambda: ended.append(session.loss(session.module(*session.inputs))))
    found = simulate(graph, run_of("train", precision=dtype, optimizer="sgd"))
    # oneDNN works in more room with bf16.
    assert found.peak == pytest.approx(peak, abs=SCALARS, rel=0.02 if dtype == "bf16" else 0)
    # The outputs themselves have been let go here.
    outputs_kept = LOSSES[loss].output and dtype == "fp32"
    let_go = 0 if outputs_kept else sum(3 * int(y.elements) * WIDTHS[dtype] for y in graph.outputs.values())
    assert found.forward_end - found.base - let_go == pytest.approx(after, abs=SCALARS)
