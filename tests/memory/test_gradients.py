"""Gradients of parameters: those of every expert, and one of a weight that is used many times."""

from __future__ import annotations

import pytest
import torch

from archcalc.diagnostics import Source
from archcalc.memory.simulation import simulate
from archcalc.network.load import Graph, build_graph, load_graph
from archcalc.pytorch.memory import peak_bytes
from archcalc.pytorch.profile import Session
from archcalc.pytorch.setup import Setup
from archcalc.running import Running
from tests.conftest import ROOT
from tests.runs import run_of

CPU = torch.device("cpu")


def graph_of(text: str, batch: int = 1) -> Graph:
    return build_graph(Source("t.yaml", text), batch=batch)


def last_gradients(graph: Graph, running: Running) -> int:
    """Bytes of the gradients when backward is done."""
    return simulate(graph, running).moments[-1].gradients


def measured(graph: Graph) -> int:
    session = Session(graph, Setup(Running(mode="train", optimizer="sgd")), CPU)
    session.run()
    found = peak_bytes(session.run, CPU, session.held())
    assert found is not None
    return found


EXPERTS = """
model: moe
input: [64, 256]
layers:
  - moe: {experts: 32, top_k: 2, layers: [linear 1024, relu, {repeat: 3, layers: [linear 1024]}, linear 256]}
"""


def test_every_expert_has_gradients() -> None:
    graph = graph_of(EXPERTS.replace("{repeat: 3, layers: [linear 1024]}, ", ""))
    assert last_gradients(graph, run_of("train")) == 67_305_472
    found = simulate(graph, run_of("train", optimizer="sgd")).peak
    assert found == pytest.approx(measured(graph), rel=0.01)


def test_repeats_inside_experts() -> None:
    graph = graph_of(EXPERTS)
    parameters = simulate(graph, run_of("train")).parameters
    assert last_gradients(graph, run_of("train")) == parameters == 4 * (16_826_368 + 32 * 3 * 1024 * 1025)


def test_mixtral() -> None:
    graph = load_graph(str(ROOT / "specs" / "mixtral.yaml"))
    assert last_gradients(graph, run_of("train", precision="bf16")) == 2 * 46_702_792_704


TIES = {
    "a block": "blocks: {cell: [linear 1024 bias=false, tanh]}, layers: [cell name=c, cell tie=c repeat=49]",
    "a layer": "layers: [linear 1024 name=c, linear 1024 tie=c repeat=20]",
    "a layer twice": "layers: [linear 1024 name=c, tanh, linear 1024 tie=c]",
    "blocks in a repeat": "blocks: {cell: [linear 512, tanh, linear 1024]}, layers: [{repeat: 4, layers: [cell name=c, cell tie=c repeat=3]}]",
    "a repeat": "blocks: {cell: [{repeat: 4, layers: [linear 1024, tanh]}]}, layers: [cell name=c, cell tie=c repeat=5, cell tie=c]",
}


@pytest.mark.parametrize("name", TIES)
def test_tied_layers_have_one_gradient(name: str) -> None:
    graph = graph_of(f"{{model: tied, input: [1024], {TIES[name]}}}")
    run = simulate(graph, run_of("train", optimizer="sgd"))
    assert run.moments[-1].gradients == run.parameters
    assert run.peak == pytest.approx(measured(graph), rel=0.01)


@pytest.mark.parametrize("tied", [
    "conv 256 kernel=3 padding=1", "convtranspose 256 kernel=3 padding=1", "attention 8", "attention 8 kv_heads=4",
    "gru 256",
])  # fmt: skip
@pytest.mark.parametrize("times", [1, 2, 5])
def test_sums_of_gradients(tied: str, times: int) -> None:
    """A gradient that is a view is not added to in place: a third tensor holds the sum."""
    sizes = "[256, 4, 4]" if tied.startswith("conv") else "[8, 256]"
    graph = graph_of(f"{{model: tied, input: {sizes}, layers: [{tied} name=c, {tied} tie=c repeat={times}]}}", batch=2)
    run = simulate(graph, run_of("train", optimizer="sgd"))
    assert run.peak == pytest.approx(measured(graph), rel=0.03)
