"""Ways to train: what each takes is what PyTorch's allocator records on the CPU, where PyTorch runs it there."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from archcalc.diagnostics import RequestError, Source
from archcalc.memory.footprint import footprint
from archcalc.memory.how import how
from archcalc.memory.simulation import simulate
from archcalc.network.load import Graph, build_graph, load_graph
from archcalc.pytorch.memory import peak_bytes, tensor_bytes
from archcalc.pytorch.profile import Session
from archcalc.pytorch.setup import Setup, applied
from archcalc.running import Running
from archcalc.running.quantising import QUANTISED

CPU = torch.device("cpu")
LLAMA = """
model: llama
dims: {n: 32}
input: [n]
layers:
  - embedding 600 dim=128
  - repeat: 6
    name: h
    layers:
      - residual: [rmsnorm, attention 4 kv_heads=2 rope=10000 causal=true bias=false]
      - residual:
          - rmsnorm
          - {mul: [[linear 352 bias=false name=gate, silu], [linear 352 bias=false name=up]]}
          - linear 128 bias=false name=down
  - rmsnorm
  - linear 600 bias=false name=head
loss: crossentropy
"""
TRAIN: list[dict[str, Any]] = [
    {"optimizer": "adafactor"},
    {"optimizer": "muon"},
    {"update": "foreach"},
    {"update": "fused"},
    {"update": "backward"},
    {"lora": 8},
    {"lora": 16, "lora_on": ["all"]},
    {"lora": 16, "lora_on": ["o", "down"], "accumulate": 2},
    {"lora": 8, "checkpoint": ["h"]},
    {"checkpoint": ["h"], "checkpoint_every": 2, "optimizer": "sgd"},
    {"checkpoint": ["h"], "checkpoint_every": 4, "optimizer": "sgd", "precision": "autocast-bf16"},
]


IMAGES = """
model: images
input: [16, 20, 20]
layers:
  - [conv 32 kernel=3 padding=1, batchnorm, relu]
  - [conv 32 kernel=5 padding=2 groups=32, relu]
  - [rearrange 'c h w -> h w c', rearrange 'h w c -> c h w', conv 48 kernel=3 stride=2]
  - [flatten, linear 12, linear 10]
"""


def llama(said: Running | None = None) -> Graph:
    return build_graph(Source("t.yaml", LLAMA), batch=2, said=said)


def measured(graph: Graph, said: Running) -> int:
    setup = Setup(said)
    with applied(setup, CPU):
        session = Session(graph, setup, CPU)
        session.run()
        found = peak_bytes(session.run, CPU, session.held())
    assert found is not None
    return found


@pytest.mark.parametrize("said", TRAIN, ids=str)
def test_equals_the_allocator(said: dict[str, Any]) -> None:
    run = Running(mode="train", threads=1, **said)
    graph = llama(run)
    assert simulate(graph, how(graph, run, "train")).peak == pytest.approx(measured(graph, run), rel=0.01)


@pytest.mark.parametrize(
    "said",
    [
        "train, sgd, channels last",
        "inference, channels last",
        "train, sgd, lora 4",
        "train, sgd, lora 4, channels last",
    ],
)
def test_images_equal_the_allocator(said: str) -> None:
    """Channels last from the input on and by the filters; frozen kernels before the first adapter, and behind it."""
    run = Running.parse(said).also(threads=2)
    graph = build_graph(Source("t.yaml", IMAGES), batch=2, said=run)
    assert abs(simulate(graph, how(graph, run, run.mode)).peak - measured(graph, run)) < 64


CODES = """
model: codes
input: [6, 8]
layers:
  - repeat: 2
    name: h
    layers: [linear 32, relu, linear 8]
  - argmin -1 name=code
  - parameter 8x16 name=table
  - gather index=code from=table
  - repeat: 2
    name: g
    layers: [linear 32, relu, linear 16]
"""


TIED = """
model: tied
input: [12]
layers:
  - embedding 600 dim=32 name=table
  - linear 32
  - linear 600 bias=false tie=table name=head
loss: crossentropy
"""
LOOP = """
model: loop
input: [5, 6]
layers:
  - scan: {x: prev}
    state: {a: [24], b: [24]}
    layers:
      - concat: [x, a]
      - [linear 24, tanh]
      - mul: [prev, b]
        name: c
      - add: [c, a]
        name: d
    next: {a: d, b: c}
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (TIED, {"accumulate": 2, "optimizer": "sgd"}),
        (TIED, {"update": "backward", "optimizer": "momentum"}),
        (LOOP, {"optimizer": "sgd"}),
        ("model: m\ninput: [30, 4]\nlayers: [gru 20]", {"accumulate": 2}),
        (LLAMA, {"accumulate": 2, "checkpoint": ["h"], "optimizer": "sgd"}),
        (CODES, {"optimizer": "adam"}),
        (CODES, {"optimizer": "momentum", "checkpoint": ["h", "g"], "accumulate": 2}),
    ],
    ids=[
        "tied, added up",
        "tied, steps in backward",
        "states after a loop",
        "outputs of the batch before",
        "states of random numbers",
        "no gradient",
        "nothing to recompute",
    ],
)
def test_equals_the_allocator_to_a_few_bytes(text: str, said: dict[str, Any]) -> None:
    run = Running(mode="train", threads=1, **said)
    graph = build_graph(Source("t.yaml", text), batch=2, said=run)
    assert simulate(graph, how(graph, run, "train")).peak == pytest.approx(measured(graph, run), abs=16)


def test_of_a_convolutional_network_too() -> None:
    run = Running(mode="train", threads=1, update="backward", optimizer="adafactor")
    graph = load_graph("specs/resnet18.yaml", batch=2, said=run)
    assert simulate(graph, how(graph, run, "train")).peak == pytest.approx(measured(graph, run), rel=0.005)


@pytest.mark.parametrize("said", [{"chunks": 4}, {"chunks": 2, "lora": 8}, {"chunks": 4, "precision": "bf16"}], ids=str)
def test_a_chunked_loss_equals_the_allocator(said: dict[str, Any]) -> None:
    run = Running(mode="train", threads=1, optimizer="sgd", loss="chunked", **said)
    text = LLAMA.replace("600", "6000").replace("repeat: 6", "repeat: 2")
    graph = build_graph(Source("t.yaml", text), batch=2, said=run)
    setup = Setup(run.also(loss=None, chunks=None))
    with applied(setup, CPU):
        session = Session(graph, setup, CPU)
        weight, targets = session.module.head.weight, session.targets[0].flatten()
        session.module.head = torch.nn.Identity()

        def piece(hidden: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
            return F.cross_entropy(F.linear(hidden, weight).float(), target, reduction="sum")

        def step() -> None:
            session.update.zero_grad()
            hidden = session.module(*session.inputs).flatten(0, 1)
            pieces = zip(hidden.chunk(run.chunks), targets.chunk(run.chunks))
            losses = [checkpoint(piece, *one, use_reentrant=False) for one in pieces]
            (sum(losses) / len(hidden)).backward()
            session.update.step()

        step()
        measured = peak_bytes(step, CPU, session.held() + tensor_bytes([weight]))
    assert simulate(graph, how(graph, run, "train")).peak == pytest.approx(measured, rel=0.02)


def test_refuses_to_chunk_another_loss() -> None:
    run = Running(mode="train", loss="chunked")
    graph = build_graph(Source("t.yaml", LLAMA.replace("crossentropy", "mse")), said=run)
    with pytest.raises(RequestError, match="needs cross entropy, and a `linear`"):
        simulate(graph, how(graph, run, "train"))


def found(**said: Any) -> Any:
    run = Running(**{"mode": "train", **said})
    graph = llama(run)
    return footprint(graph, how(graph, run, run.mode))


def test_adapters_alone_are_trained() -> None:
    # Two matrices of 6 layers on q and v, which read 128 and give 128 and 64.
    numbers = 6 * 8 * ((128 + 128) + (128 + 64))
    assert found(lora=8).run.gradients == 4 * numbers
    assert found(lora=8, optimizer="sgd").parts.get("optimizer", 0) == 0
    whole = found()
    assert found(lora=8).parts["parameters"] == whole.parts["parameters"] + 4 * numbers


def test_quantised_matrices_take_what_their_blocks_do() -> None:
    matrices = [(128, 128), (64, 128), (64, 128), (128, 128), (352, 128), (352, 128), (128, 352)]
    others = 4 * (600 * 128 * 2 + 13 * 128)
    for kind, one in QUANTISED.items():
        stored = found(mode="inference", weights=kind).parts["parameters"]
        if not one.tables:
            assert stored == 6 * sum(one.stored(shape) for shape in matrices) + others
        else:
            assert stored < 6 * sum(one.stored(shape) for shape in matrices) + others
    assert QUANTISED["nf4"].stored((4096, 4096)) / 4096**2 == pytest.approx(4.127 / 8, abs=1e-4)
    # The last group is as large as what is left: half a byte each, and its scales.
    assert QUANTISED["nf4"].stored((64, 33)) == 64 * 33 // 2 + 33 + 4
    assert QUANTISED["int4"].stored((4864, 896)) == 4864 * 896 // 2 + 4864 * 7 * 5 // 2
    assert QUANTISED["q4_k"].stored((4096, 4096)) / 4096**2 == pytest.approx(4.5 / 8)


def test_autocast_keeps_no_copies_of_quantised_matrices() -> None:
    # As bitsandbytes' MatMul4Bit, which restores the matrix in backward; fp32 matrices are kept as 16-bit copies.
    numbers = 5 * 128 * (128 + 64 + 64 + 128) + 6 * 3 * 128 * 352  # the first attention's input needs no gradient
    whole, restored = (found(lora=8, precision="autocast-bf16", **said).run.saved for said in ({}, {"weights": "nf4"}))
    assert whole - restored == 2 * numbers


def test_what_waits_elsewhere_takes_nothing_here() -> None:
    whole, base = found(optimizer="adam"), found(optimizer="adam", offload=["optimizer", "gradients"])
    assert base.parts.get("optimizer", 0) == 0
    assert base.parts.get("gradients", 0) == 0
    assert found(offload=["activations"]).run.saved < whole.run.saved / 4  # what the loss keeps


def test_selective_checkpoints_keep_more_than_whole_ones_and_less_than_none() -> None:
    kept = [
        found(**said).run.saved for said in ({}, {"checkpoint": ["h"], "recompute": "selective"}, {"checkpoint": ["h"]})
    ]
    assert kept[0] > kept[1] > kept[2]


def test_wide_gradients_are_twice_as_large() -> None:
    assert found(precision="bf16", gradients="fp32").run.gradients == 2 * found(precision="bf16").run.gradients


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"weights": "nf4"}, "--lora 16"),
        ({"weights": "q4_k", "lora": 8}, "nf4 or int8"),
        ({"update": "backward", "accumulate": 2}, "no gradients to accumulate"),
        ({"lora_on": ["q"]}, "--lora-on needs --lora"),
        ({"recompute": "selective"}, "--recompute needs --checkpoint"),
        ({"lora": 8, "lora_on": ["qq"]}, "no matrix is named so"),
    ],
)
def test_refuses_what_does_not_go_together(said: dict[str, Any], says: str) -> None:
    with pytest.raises(RequestError, match=says):
        found(**said)
