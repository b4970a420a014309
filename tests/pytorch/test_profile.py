"""`archcalc profile`: the same paths on the CPU and, where there is one, on a GPU."""

from __future__ import annotations

import csv
import io
import json

import pytest
import torch

from archcalc.diagnostics import RequestError, Source
from archcalc.network.gradients import backward_macs
from archcalc.network.load import build_graph, load_graph
from archcalc.pytorch import memory
from archcalc.pytorch.profile import PHASES, compare, profile
from archcalc.pytorch.setup import Setup, applied, find_device
from archcalc.pytorch.timing import Budget, Clock, Times, repeat, settle
from tests.commands.test_shapes import run

SHORT = Budget(warmup=1, repeat=4, seconds=1.0)
HAS_CUDA = torch.cuda.is_available()
DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.cuda, pytest.mark.skipif(not HAS_CUDA, reason="no CUDA")])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("spec", ["lenet", "lstm", "self-attention", "net", "siamese", "graph-xxy"])
def test_every_layer_is_timed(device, train, spec):
    if train and spec == "graph-xxy":
        pytest.skip("nothing to train")
    measured = profile(load_graph(f"specs/{spec}.yaml", batch=2), Setup(device, train=train, budget=SHORT))
    layers = list(measured.costs.layers())
    assert [entry.row.node for entry in measured.layers] == layers
    assert all(entry.seconds > 0 for entry in measured.layers)
    assert 3 <= len(measured.total.seconds) <= 4
    assert set(measured.phases) == (set(PHASES) if train else set())
    assert measured.samples_per_second == pytest.approx(2 / measured.total.median)
    backward = [entry for entry in measured.layers if entry.backward_seconds > 0]
    assert bool(backward) is train
    assert not train or all(entry in backward for entry in measured.layers if entry.row.node.params)
    if train:
        assert sum(times.median for times in measured.phases.values()) <= 2 * measured.total.median
    assert measured.peak is not None
    assert measured.peak >= 4 * measured.costs.totals.params


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["fp32", "tf32", "bf16"])
def test_dtypes(device, dtype):
    measured = profile(load_graph("specs/mlp.yaml"), Setup(device, dtype=dtype, budget=SHORT))
    weights = measured.costs.totals.params * (2 if dtype == "bf16" else 4)
    assert weights <= measured.peak < 2 * weights


MIXTURE = """
model: mixture
dims: {seq: 32}
input: [seq]
layers:
  - embedding 100 dim=32
  - linear 32 repeat=3
  - repeat: 2
    layers:
      - moe: {experts: 4, top_k: 2, layers: [linear 64, relu, linear 32 repeat=2]}
      - {residual: [layernorm, linear 32], repeat: 2}
  - linear 60000 name=heavy
"""


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("train", [False, True])
def test_layers_inside_experts_do_not_shift_the_others(device, train):
    graph = build_graph(Source("m.yaml", MIXTURE))
    measured = profile(graph, Setup(device, train=train, threads=1, budget=SHORT))
    assert [entry.row.node for entry in measured.layers] == list(measured.costs.layers())
    assert all(entry.forward_seconds > 0 for entry in measured.layers)
    assert max(measured.layers, key=lambda entry: entry.seconds).row.node.name == "heavy"


def test_flops_of_training_are_those_of_both_passes():
    graph = load_graph("specs/lenet.yaml", batch=2)
    forward = profile(graph, Setup(budget=SHORT))
    both = profile(graph, Setup(train=True, budget=SHORT))
    assert sum(entry.flops for entry in forward.layers) == forward.costs.totals.flops
    assert sum(entry.flops for entry in both.layers) == both.costs.totals.flops + 2 * backward_macs(graph)


def test_copies_are_folded_with_their_spread():
    measured = profile(load_graph("specs/vit.yaml@ti16", {}, 1), Setup(budget=Budget(0, 3, 0.1)))
    attention = next(entry for entry in measured.layers if entry.row.node.op == "attention")
    assert len(attention.forward) == attention.row.count == 12
    low, high = attention.range
    assert 0 < low <= high
    assert attention.seconds == pytest.approx(sum(times.median for times in attention.forward))


def test_training_changes_the_weights_and_forward_does_not():
    from archcalc.pytorch.profile import Session

    graph = load_graph("specs/net.yaml", batch=4)
    for train in (False, True):
        session = Session(graph, Setup(train=train, budget=SHORT), torch.device("cpu"))
        before = [parameter.clone() for parameter in session.module.parameters()]
        session.timed()
        same = all(torch.equal(a, b) for a, b in zip(before, session.module.parameters()))
        assert same is not train


def test_input_is_random_and_seeded():
    from archcalc.pytorch.profile import Session

    graph = load_graph("specs/net.yaml", batch=4)
    first, again, other = (Session(graph, Setup(seed=seed), torch.device("cpu")).inputs[0] for seed in (1, 1, 2))
    assert first.abs().sum() > 0
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_two_networks_in_turn():
    times, ratios = compare((load_graph("specs/lenet.yaml"), load_graph("specs/net.yaml")), Setup(budget=SHORT))
    assert len(ratios) == len(times[0].seconds) == len(times[1].seconds)
    assert sorted(ratios)[len(ratios) // 2] > 1


def test_settings_last_as_long_as_the_run():
    threads = torch.get_num_threads()
    with applied(Setup(threads=1)):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == threads


def test_times():
    assert Times([3.0, 1.0, 2.0]).median == 2.0
    assert Times([]).median == 0.0
    assert Times([1.0, 1.0, 1.0, 1.0, 1.0]).spread == 0.0
    assert settle(lambda: 1.0, Budget(seconds=5)) == 3
    assert settle(lambda: 1.0, Budget(warmup=7)) == 7
    assert repeat([lambda: None], Budget(repeat=5, seconds=5)) == 5


def test_an_interrupt_keeps_what_was_measured():
    rounds = []

    def once():
        rounds.append(1)
        if len(rounds) == 3:
            raise KeyboardInterrupt

    assert repeat([once], Budget()) == 2
    rounds[:] = [1, 1]
    with pytest.raises(KeyboardInterrupt):
        repeat([once], Budget())


def test_clock_marks_spans():
    clock = Clock(torch.device("cpu"))
    clock.start()
    clock.mark()
    clock.mark()
    assert len(clock.between()) == 2
    assert all(span >= 0 for span in clock.between())


def test_peak_counts_what_lives_at_once():
    def allocate() -> None:
        a = torch.empty(1_000_000)
        del a
        torch.empty(500_000)

    peak = memory.peak_bytes(allocate, torch.device("cpu"), 100)
    assert peak == 100 + 4_000_000


def test_peak_of_a_training_step_is_what_was_measured_elsewhere():
    # AlexNet, batch 8, SGD: 516,991,112 bytes by the allocator's total on another CPU.
    setup = Setup(train=True, budget=Budget(1, 1, 0.1))
    assert profile(load_graph("specs/alexnet.yaml", batch=8), setup).peak == pytest.approx(516_991_112, rel=0.03)


@pytest.mark.parametrize(
    ("device", "sentence"),
    [("tpu", "no device is named"), ("xla", "not supported"), ("cuda", "CUDA|CPU only"), ("cuda:99", "CUDA|CPU only|there is no")],
)  # fmt: skip
def test_devices_that_are_not_there(device, sentence):
    if device == "cuda" and HAS_CUDA:
        pytest.skip("there is one")
    with pytest.raises(RequestError, match=sentence):
        find_device(device)


def test_too_large_is_said_before_trying():
    with pytest.raises(RequestError, match=r"needs at least 286\.6 GB"):
        profile(load_graph("specs/llama3.yaml@70b"), Setup(budget=SHORT))


def test_running_out_of_memory_is_one_sentence(monkeypatch):
    import archcalc.pytorch.profile as profiling

    def fail(*_: object) -> int:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes")

    monkeypatch.setattr(profiling, "settle", fail)
    with pytest.raises(RequestError, match="by prediction a batch of"):
        profile(load_graph("specs/alexnet.yaml"), Setup(budget=SHORT))


def test_command_line():
    quick = ("--time", "0.2", "--repeat", "3", "--warmup", "1")
    done = run("profile", "specs/lenet.yaml", *quick)
    assert done.returncode == 0, done.stderr
    assert "layers sum to" in done.stdout
    assert not done.stderr
    document = json.loads(run("profile", "specs/lenet.yaml", "--mode", "train", *quick, "--format", "json").stdout)
    assert document["mode"] == "train"
    assert sum(layer["seconds"] for layer in document["layers"]) == pytest.approx(document["layers_seconds"])
    rows = list(csv.DictReader(io.StringIO(run("profile", "specs/lenet.yaml", *quick, "--format", "csv").stdout)))
    assert [row["id"] for row in rows] == [layer["id"] for layer in document["layers"]]
    trace = json.loads(run("profile", "specs/lenet.yaml", *quick, "--format", "chrome-trace").stdout)
    assert len(trace["traceEvents"]) == len(rows)
    assert "| conv 6 5×5" in run("profile", "specs/lenet.yaml", *quick, "--format", "markdown").stdout
    assert "lenet5 / mlp" in run("profile", "specs/lenet.yaml", "--compare", "specs/mlp.yaml", *quick).stdout
    assert run("profile", "specs/lenet.yaml", "--device", "tpu").returncode == 2
    assert run("profile", "specs/none.yaml").returncode == 2


def test_without_a_spec_it_is_the_lecture_s_alexnet():
    done = run("profile", "--time", "0.1", "--repeat", "1", "--warmup", "0")
    assert done.stdout.startswith("alexnet on CPU")
