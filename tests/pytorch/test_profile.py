"""`archcalc profile`: the same paths on the CPU and, where there is one, on a GPU."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
import torch

from archcalc.cost import Costs
from archcalc.devices import Device
from archcalc.diagnostics import RequestError, Source
from archcalc.memory.how import how
from archcalc.network.gradients import backward_macs
from archcalc.network.load import build_graph, load_graph
from archcalc.prediction.predict import predict
from archcalc.pytorch import memory
from archcalc.pytorch.layer_times import bytes_moved
from archcalc.pytorch.profile import PHASES, Session, compare, profile
from archcalc.pytorch.setup import Setup, applied
from archcalc.pytorch.timing import Budget, Clock, repeat, settle
from archcalc.reports import numbers
from archcalc.reports.blocks import Page, rendered
from archcalc.reports.profile import as_csv, as_json, as_markdown, as_text, words
from archcalc.reports.profile.report import Times
from archcalc.running import Running
from tests.conftest import ROOT
from tests.runs import train_or_not

SHORT = Budget(warmup=1, repeat=4, seconds=1.0)
HAS_CUDA = torch.cuda.is_available()
DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.cuda, pytest.mark.skipif(not HAS_CUDA, reason="no CUDA")])]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("spec", ["lenet", "lstm", "self-attention", "net", "siamese", "graph-xxy"])
def test_every_layer_is_timed(device, train, spec):
    if train and spec == "graph-xxy":
        pytest.skip("nothing to train")
    text = (ROOT / "specs" / f"{spec}.yaml").read_text("utf-8")
    if spec == "siamese":  # whose towers end with one position instead of 36
        text = text.replace("105", "65").partition("expect:")[0]
    graph = build_graph(Source(f"{spec}.yaml", text), batch=2)
    measured = profile(graph, Setup(Running(mode=train_or_not(train)), device=device, budget=SHORT))
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


@pytest.mark.cuda
@pytest.mark.skipif(not HAS_CUDA, reason="no CUDA")
@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize(
    ("spec", "batch"), [("alexnet", 256), ("resnet152", 64), ("vgg19", 64), ("gpt2", 8), ("lstm", 4096)]
)
def test_totals_are_the_cuda_time_of_torch_profiler(spec, batch, train):
    device, runs = torch.device("cuda"), 5
    setup = Setup(Running(mode=train_or_not(train)), device="cuda", budget=Budget(warmup=5, repeat=10, seconds=20.0))
    graph = load_graph(f"specs/{spec}.yaml", batch=batch)
    measured = profile(graph, setup)
    session = Session(graph, setup, device)
    for _ in range(5):
        session.run()
    torch.cuda.synchronize(device)
    kinds = [torch.profiler.ProfilerActivity.CPU, torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=kinds) as profiler:
        for _ in range(runs):
            session.run()
        torch.cuda.synchronize(device)
    kernels = [event for event in profiler.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    seconds = sum(event.self_device_time_total for event in kernels) / 1e6 / runs
    assert measured.total.median == pytest.approx(seconds, rel=0.05)


@pytest.mark.cuda
@pytest.mark.skipif(not HAS_CUDA, reason="no CUDA")
def test_a_gpu_that_is_full_says_so():
    with pytest.raises(RequestError, match=r"alexnet with batch 100000 needs .* by prediction a batch of [\d,]+ fits"):
        profile(
            load_graph("specs/alexnet.yaml", batch=100_000), Setup(Running(mode="train"), device="cuda", budget=SHORT)
        )


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", ["fp32", "tf32", "bf16"])
def test_dtypes(device, dtype):
    measured = profile(load_graph("specs/mlp.yaml"), Setup(Running(precision=dtype), device=device, budget=SHORT))
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
    measured = profile(graph, Setup(Running(mode=train_or_not(train), threads=1), device=device, budget=SHORT))
    assert [entry.row.node for entry in measured.layers] == list(measured.costs.layers())
    assert all(entry.forward_seconds > 0 for entry in measured.layers)
    assert max(measured.layers, key=lambda entry: entry.seconds).row.node.name == "heavy"


def test_flops_of_training_are_those_of_both_passes():
    graph = load_graph("specs/lenet.yaml", batch=2)
    forward = profile(graph, Setup(budget=SHORT))
    both = profile(graph, Setup(Running(mode="train"), budget=SHORT))
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
    graph = load_graph("specs/net.yaml", batch=4)
    for train in (False, True):
        session = Session(graph, Setup(Running(mode=train_or_not(train)), budget=SHORT), torch.device("cpu"))
        before = [parameter.clone() for parameter in session.module.parameters()]
        session.timed()
        same = all(torch.equal(a, b) for a, b in zip(before, session.module.parameters()))
        assert same is not train


def test_input_is_random_and_seeded():
    graph = load_graph("specs/net.yaml", batch=4)
    first, again, other = (Session(graph, Setup(seed=seed), torch.device("cpu")).inputs[0] for seed in (1, 1, 2))
    assert first.abs().sum() > 0
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_two_networks_in_turn():
    found = compare((load_graph("specs/lenet.yaml"), load_graph("specs/net.yaml")), Setup(budget=SHORT))
    first, second = found.times
    assert len(found.ratios) == len(first.seconds) == len(second.seconds)
    assert found.ratios == [a / b for a, b in zip(first.seconds, second.seconds)]
    assert sorted(found.ratios)[len(found.ratios) // 2] > 1


def test_settings_last_as_long_as_the_run():
    threads = torch.get_num_threads()
    with applied(Setup(Running(threads=1)), torch.device("cpu")):
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == threads


def test_times():
    assert Times([3.0, 1.0, 2.0]).median == 2.0
    assert Times([]).median == 0.0
    assert Times([1.0, 1.0, 1.0, 1.0, 1.0]).spread == 0.0
    assert settle(lambda: 1.0, Budget(seconds=5)) == 3
    assert settle(lambda: 1.0, Budget(warmup=7)) == 7
    rounds = []
    assert not repeat([lambda: rounds.append(1)], Budget(repeat=5, seconds=5))
    assert len(rounds) == 5


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
    device = torch.device("cpu")
    session = Session(load_graph("specs/alexnet.yaml", batch=8), Setup(Running(mode="train", optimizer="sgd")), device)
    session.run()
    assert memory.peak_bytes(session.run, device, session.held()) == pytest.approx(516_991_112, rel=0.03)


def test_a_batchnorm_of_one_value_is_not_trained():
    text = "{model: m, input: [8], layers: [linear 4, batchnorm, linear 2]}"
    sentence = (
        "m.yaml:1:43: `batchnorm` has one value a channel in a batch of 1, which PyTorch does not train: use --batch"
    )
    with pytest.raises(RequestError, match=re.escape(sentence)):
        profile(build_graph(Source("m.yaml", text)), Setup(Running(mode="train"), budget=SHORT))
    assert profile(
        build_graph(Source("m.yaml", text), batch=2), Setup(Running(mode="train"), budget=SHORT)
    ).total.seconds
    assert profile(build_graph(Source("m.yaml", text)), Setup(budget=SHORT)).total.seconds


def test_the_peak_stands_beside_its_prediction():
    measured = profile(load_graph("specs/mlp.yaml", batch=8), Setup(Running(mode="train", threads=1), budget=SHORT))
    assert measured.predicted == pytest.approx(measured.peak, rel=0.03)
    assert len(words.memory(measured)) == 1
    measured.predicted = measured.peak * 9 // 10
    assert words.memory(measured)[1] == "warning: the prediction is 10.0 % too low"
    measured.predicted = measured.peak * 11 // 10
    assert words.memory(measured)[1] == "warning: the prediction is 10.0 % too high"


MACHINE = Device("mine", "Mine", "cpu", 8 * 10**9, 0, 2e10, {"fp32": 5e10}, 1, "made up")


def test_the_time_stands_beside_its_prediction():
    said = Running(mode="train", threads=1)
    measured = profile(load_graph("specs/mlp.yaml", batch=8), Setup(said, budget=SHORT), known=MACHINE)
    expected = predict(measured.graph, how(measured.graph, said, "train", MACHINE))
    assert not isinstance(measured.time, str)
    assert measured.time.total == expected.total
    layers = [measured.predicted_seconds(layer) for layer in measured.layers]
    assert sum(layers) == pytest.approx((expected.forward + expected.backward).seconds)
    predicted = measured.time.total.seconds
    measured.worked, measured.total = Times(), Times([predicted * 4 / 5])
    assert words.time(measured)[1:] == ["25 % above the measured"]
    measured.total = Times([predicted * 5])
    assert words.time(measured)[1:] == ["80 % below the measured", "outside of the range"]
    measured.worked = Times([predicted])  # the rest of the time others ran
    assert words.time(measured)[1:] == ["0 % above the measured"]
    assert "of CPU time" in words.time(measured)[0]
    assert [one.rpartition(" (")[2] for one in words.phases(measured)][1:] == [
        f"{numbers.seconds(part.seconds)} predicted)"
        for part in (expected.forward, expected.loss, expected.backward, expected.step)
    ]


def test_every_form_shows_the_predicted_time():
    measured = profile(load_graph("specs/mlp.yaml", batch=8), Setup(Running(threads=1), budget=SHORT), known=MACHINE)
    (said, *_) = words.time(measured)
    for form in (as_text, as_markdown):
        shown = rendered(form.render(measured), Page(200))
        assert said in shown
        assert "predicted" in shown.partition("layer ")[2]
    document = json.loads(as_json.render(measured))
    low, high = document["predicted_range_seconds"]
    assert low < document["predicted_seconds"] < high
    assert document["not_predicted"] is None
    rows = list(csv.DictReader(io.StringIO(as_csv.render(measured))))
    assert sum(float(row["predicted_seconds"]) for row in rows) == pytest.approx(document["predicted_seconds"])


def test_without_a_device_file_it_says_why_no_time_is_predicted(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    measured = profile(load_graph("specs/mlp.yaml"), Setup(Running(threads=1), budget=SHORT))
    (said,) = words.time(measured)
    assert said.startswith("time not predicted: cpu has not been measured on this machine: run `archcalc calibrate")
    document = json.loads(as_json.render(measured))
    assert document["predicted_seconds"] is None
    assert document["not_predicted"] in said
    channels_last = Setup(Running(threads=1, memory_format="channels-last"), budget=SHORT)
    refused = profile(load_graph("specs/lenet.yaml"), channels_last, known=MACHINE)
    assert "but not predicted" in words.time(refused)[0]


def test_bytes_moved_are_those_that_are_read() -> None:
    """Of a table the rows that are looked up, and the weight of a tied head, which is the table's."""
    text = "{model: m, input: [4], layers: [embedding 1000 dim=8 name=e, posembed length=50, linear 1000 tie=e bias=false]}"
    costs = Costs(build_graph(Source("m.yaml", text), batch=2))
    table, positions, head = (bytes_moved(costs, "fp32", False)[id(node)] for node in costs.layers())
    assert table == 8 * 8 + 2 * 8 * 8 * 4  # ids of eight bytes, and eight rows read and written
    assert positions == (8 + 4 + 8) * 8 * 4
    assert head == (8 * 8 + 1000 * 8 + 8 * 1000) * 4
