"""The same layers at every step, with states."""

from __future__ import annotations

import time

import pytest
import torch

from archcalc.api import loads
from archcalc.cost import Costs
from archcalc.diagnostics import Source, SpecError
from archcalc.memory.generation import generate
from archcalc.memory.positions import NotGenerativeError
from archcalc.memory.simulation import simulate
from archcalc.network.load import Graph, build_graph
from archcalc.network.paths import fields
from archcalc.pytorch.instance import instantiate
from archcalc.pytorch.memory import peak_bytes
from archcalc.pytorch.profile import Session
from archcalc.pytorch.setup import Setup
from archcalc.pytorch.source import module_source
from archcalc.pytorch.verify import verify
from archcalc.running import Running
from tests.runs import run_of

RECURRENCE = """
model: recurrence
hparams: {hidden: 32}
dims: {steps: 7}
input: [steps, 10]
layers:
  - scan: prev
    state: {z: [hidden]}
    layers:
      - add: [[linear hidden], [linear hidden bias=false from=z]]
      - tanh
"""
CONVLSTM = """
model: convlstm
hparams: {hidden: 128}
dims: {time: 10}
input: [time, 3, 64, 64]
layers:
  - scan: {x: prev}
    state: {out: [hidden, h(x), w(x)], cell: [hidden, h(x), w(x)]}
    layers:
      - concat: [x, out]
      - [conv 4*hidden kernel=3 padding=1, split 4 name=g]
      - mul: [[sigmoid from=g.0], [tanh from=g.3]]
        name: new
      - mul: [[sigmoid from=g.1], cell]
        name: kept
      - add: [new, kept]
        name: cell2
      - mul: [[sigmoid from=g.2], [tanh from=cell2]]
        name: out2
    next: {out: out2, cell: cell2}
"""
# A delay of two steps, two tensors side by side, a start from outside, a further output, and the last value of a state.
SEVERAL = """
model: several
dims: {steps: 6}
input: {a: [steps, 4], b: [steps, 3], start: [5]}
blocks:
  cell(z, late) -> seen:
    - concat: [input, z, late]
    - [linear 5, tanh name=seen]
    - linear 5
layers:
  - scan: {x: a, y: b}
    state: {z: start, late: [3], later: [3]}
    layers:
      - [cell z=z late=later name=out]
    next: {z: out, late: y, later: late}
    name: walk
  - add: [walk, walk.seen]
  - [linear 2 name=all, linear 2 from=walk.z name=last]
output: [all, last]
"""
# z(t) from z(t - 3): the first three steps have no gradient of what they read, the last three give none on.
DELAYED = """
model: delayed
dims: {steps: 7}
input: [steps, 10]
layers:
  - scan: prev
    state: {z: [16], y: [16], x: [16]}
    layers:
      - add: [[linear 16], [linear 16 bias=false from=x]]
      - tanh name=out
    next: {z: out, y: z, x: y}
"""
SMALL = CONVLSTM.replace("128", "8").replace("64, 64", "12, 12").replace("time: 10", "time: 5")
NETWORKS = pytest.mark.parametrize(
    "text", [RECURRENCE, SMALL, SEVERAL, DELAYED], ids=["recurrence", "convlstm", "several", "delayed"]
)


def graph(text: str, batch: int = 1) -> Graph:
    return build_graph(Source("t.yaml", text), batch=batch)


def test_the_lectures_recurrence() -> None:
    network = loads(RECURRENCE)
    assert (network.params, network.macs, list(network.outputs.values())) == (1_376, 9_408, [(7, 32)])
    assert loads(RECURRENCE, steps=70).macs == 94_080
    source = module_source(graph(RECURRENCE))
    assert "        for x_t in x.unbind(1):\n" in source
    assert "            z = self.tanh(x)\n            steps.append(z)\n" in source


def test_convlstm() -> None:
    network = loads(CONVLSTM)
    assert (network.params, network.macs) == (604_160, 24_725_422_080)
    assert list(network.outputs.values()) == [(10, 128, 64, 64)]


@NETWORKS
def test_equals_pytorch(text: str) -> None:
    """Parameters, shapes, FLOPs forward and backward."""
    assert not verify(graph(text, batch=3)).differences
    assert not verify(graph(text.replace("steps: 7", "steps: 1").replace("steps: 6", "steps: 2"), batch=2)).differences


def test_values_are_those_of_the_unrolled_loop() -> None:
    module = instantiate(graph(SEVERAL)).double()
    a, b, start = (torch.randn(2, *sizes).double() for sizes in ((6, 4), (6, 3), (5,)))
    z, late, later, given, seen = start, b.new_zeros(2, 3), b.new_zeros(2, 3), [], []
    for step in range(6):
        inner = torch.tanh(module.walk.out.linear1(torch.cat([a[:, step], z, later], 1)))
        z = module.walk.out.linear2(inner)
        late, later = b[:, step], late
        given.append(z)
        seen.append(inner)
    every, last = module(a, b, start)
    assert torch.allclose(every, module.all(torch.stack(given, 1) + torch.stack(seen, 1)))
    assert torch.allclose(last, module.last(z))


def test_backwards() -> None:
    text = RECURRENCE.replace("state:", "reverse: true\n    state:")
    forward, back = instantiate(graph(RECURRENCE)).double(), instantiate(graph(text)).double()
    back.load_state_dict(forward.state_dict())
    x = torch.randn(2, 7, 10).double()
    assert torch.allclose(back(x), forward(x.flip(1)).flip(1))


@NETWORKS
@pytest.mark.parametrize("mode", ["train", "inference"])
def test_memory_is_that_of_the_allocator(text: str, mode: str) -> None:
    network = graph(text, batch=16)
    how = {"optimizer": "sgd"} if mode == "train" else {}
    session = Session(network, Setup(Running(mode=mode, **how)), torch.device("cpu"))
    session.run()
    measured = peak_bytes(session.run, torch.device("cpu"), session.held())
    assert simulate(network, run_of(mode, **how)).peak == pytest.approx(measured, rel=0.03)


def test_a_million_steps_cost_no_more_than_ten() -> None:
    def seconds(steps: int) -> float:
        text = RECURRENCE.replace("steps: 7", f"steps: {steps}")
        began = time.process_time()
        network = graph(text)
        simulate(network, run_of("train"))
        assert Costs(network).totals.macs == 1_344 * steps
        return time.process_time() - began

    assert min(seconds(10**6) for _ in range(3)) < 3 * min(seconds(10) for _ in range(3))


def test_generation_keeps_the_states() -> None:
    found = generate(graph(RECURRENCE), run_of("generate"))
    (cache,) = found.caches
    assert (found.dim, cache.bytes, cache.token_bytes, cache.node.told) == ("steps", 128, 0, "scan")
    with pytest.raises(NotGenerativeError, match="`scan` sees the positions after each position too"):
        generate(graph(RECURRENCE.replace("state:", "reverse: true\n    state:")), run_of("generate"))


def test_receptive_field_is_everything_before() -> None:
    network = graph(SMALL)
    assert fields(network)[id(network.outputs["scan"])] == "everything"


def test_its_layers_are_timed() -> None:
    network = graph(RECURRENCE)
    session = Session(network, Setup(Running(mode="train", optimizer="sgd")), torch.device("cpu"))
    layers = session.layers()
    layers()
    found = layers.result(Costs(network), "fp32")
    assert [one.row.label for one in found] == ["zeros 32", "linear 32", "linear 32 bias=false", "add", "tanh"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("scan: prev, state: {z: [8]}", "`scan: prev` needs `layers:` next to it"),
        ("scan: [linear 3]", "`scan` goes through a tensor: its layers go beside it"),
        ("scan: {}, state: {z: [8]}, layers: [linear 8]", "`scan` goes through nothing"),
        ("scan: 7, state: {z: [8]}, layers: [linear 8]", "the step number is not a tensor"),
        ("scan: nothing, state: {z: [8]}, layers: [linear 8]", "no earlier layer is named `nothing`"),
        (
            "scan: prev, state: {z: [8]}, layers: [linear 8], reverse: maybe",
            "`reverse` must be true or false, not `maybe`",
        ),
        ("scan: prev, next: {z: prev}, layers: [linear 8]", "`next:` needs `state:` beside it"),
        ("scan: prev, state: {z: [8]}, next: {y: z}, layers: [linear 8]", "the state `z` has no next value"),
        (
            "scan: prev, state: {z: [8]}, layers: [linear 8], stride: 2",
            "`stride` is not a key next to `scan:`",
        ),
        (
            "scan: prev, state: {z: [4, 4]}, layers: [{linear: {features: 8, from: z}}]",
            "`from` belongs next to `linear:`",
        ),
    ],
)
def test_wrong(keys: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        loads(f"{{model: m, input: [4, 8], layers: [{{{keys}}}]}}")
    assert message in caught.value.diagnostics[0].message
