"""The peak of a training step is what PyTorch's allocator records on the CPU."""

from __future__ import annotations

import functools
from itertools import pairwise

import pytest
import torch

from archcalc.diagnostics import Source
from archcalc.memory.run import Run
from archcalc.memory.simulation import simulate
from archcalc.network.load import Graph, build_graph, load_graph
from archcalc.pytorch.memory import peak_bytes
from archcalc.pytorch.profile import Session
from archcalc.pytorch.setup import Setup
from archcalc.running import Running
from tests.draw.draw import case
from tests.outcome import TIMES
from tests.runs import run_of, train_or_not

CPU = torch.device("cpu")


_SPECS = ["densenet121", "resnet18", "mobilenetv2", "squeezenet1_0", "many-to-many", "vit@ti16"]


# The optimizers in turn; with ARCHCALC_EXAMPLES above 1 each network with both.
@pytest.mark.parametrize(
    ("spec", "optimizer"),
    [
        (spec, optimizer)
        for index, spec in enumerate(_SPECS)
        for optimizer in (("sgd", "adam") if TIMES > 1 else ("sgd", "adam")[index % 2 :][:1])
    ],
)
def test_equals_the_allocator_within_three_per_cent(spec: str, optimizer: str) -> None:
    name, _, variant = spec.partition("@")
    graph = load_graph(f"specs/{name}.yaml" + (f"@{variant}" if variant else ""), batch=2)
    session = Session(graph, Setup(Running(mode="train", optimizer=optimizer)), CPU)
    session.run()
    measured = peak_bytes(session.run, CPU, session.held())
    assert measured is not None
    assert simulate(graph, run_of("train", optimizer=optimizer)).peak == pytest.approx(measured, rel=0.03)


@pytest.mark.parametrize(
    ("spec", "freeze"),
    [("specs/resnet18.yaml", ["conv1", "bn1", "layer1", "layer2"]), ("specs/vit.yaml@ti16", ["*attention*"])],
)
def test_equals_the_allocator_where_a_part_is_frozen(spec: str, freeze: list[str]) -> None:
    graph = load_graph(spec, batch=2, freeze=freeze)
    session = Session(graph, Setup(Running(mode="train", optimizer="adam")), CPU)
    session.run()
    measured = peak_bytes(session.run, CPU, session.held())
    assert measured is not None
    assert simulate(graph, run_of("train")).peak == pytest.approx(measured, rel=0.005)


def run(depth: int) -> Run:
    text = f"{{model: m, input: [16, 8], layers: [linear 8, {{repeat: {depth}, layers: [residual: [layernorm, linear 8, relu]]}}]}}"
    return simulate(build_graph(Source("t.yaml", text), batch=4), run_of("train"))


def test_copies_that_are_not_gone_through_count_as_much() -> None:
    kept = [sum(run(depth).layers.values()) for depth in range(2, 9)]
    assert len({after - before for before, after in pairwise(kept)}) == 1
    ends = [run(depth).forward_end for depth in range(2, 9)]
    assert len({after - before for before, after in pairwise(ends)}) == 1
    peaks = [run(depth).peak for depth in range(3, 9)]
    assert len({after - before for before, after in pairwise(peaks)}) == 1


def test_cost_does_not_grow_with_repeat() -> None:
    assert len(run(100_000).moments) == len(run(10).moments)
    assert run(100_000).peak > 1000 * run(10).saved


def test_inference_keeps_nothing() -> None:
    graph = load_graph("specs/resnet18.yaml", batch=2)
    forward = simulate(graph, run_of())
    assert forward.saved == forward.gradients == forward.optimizer == 0
    assert forward.base < forward.peak < forward.base + 30e6


@functools.cache
def drawn() -> list[Graph]:
    return [case(seed).graph() for seed in range(8 * TIMES)]


@pytest.mark.parametrize(
    "running",
    [
        run_of(),
        run_of("train"),
        run_of("train", precision="mixed-bf16", optimizer="sgd", attention="flash", device="a100"),
    ],
    ids=str,
)
def test_drawn_networks_end_as_they_began(running: Running) -> None:
    for graph in drawn():
        found = simulate(graph, running)
        assert found.peak >= found.base
        assert all(moment.kept >= 0 and moment.activations >= 0 for moment in found.moments)


def test_copies_that_give_what_they_were_given() -> None:
    # Random network 68: what the block gives is a tensor from outside, which is there for later copies.
    text = """
model: m
input: {x: [4], other: [4]}
blocks:
  passes(t):
    - linear 4
    - relu from=t repeat=0
layers:
  - linear 4 from=other name=held
  - {repeat: 3, layers: [linear 4 from=x, passes t=held repeat=2, linear 4]}
"""
    found = simulate(build_graph(Source("t.yaml", text), batch=2), run_of("train"))
    assert found.peak > found.base


@pytest.mark.parametrize(
    "text",
    [
        "input: [5, 8]\nlayers: [silu, split 8 axis=1 name=p, {add: [p.5, p.1]}, {residual: [{repeat: 4, layers: [mish from=p.3 repeat=0]}]}]",
        "input: [2]\nlayers: [split 1 name=p, {repeat: 2, layers: [mish from=p.0 repeat=0]}]",
        "input: [1]\nblocks:\n  parts: [split 1]\n  gives(t): [{repeat: 2, layers: [rearrange 'a a' from=t repeat=0]}]\n"
        "layers: [logsigmoid, parts name=n, gives t=n.0]",
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_copies_without_layers_give_what_was_made_outside(text: str, training: bool) -> None:
    run = simulate(build_graph(Source("t.yaml", f"model: m\n{text}\n"), batch=2), run_of(train_or_not(training)))
    assert run.peak >= run.base
