"""What `archcalc profile` says: its table, its errors, and what is there when it is interrupted."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
import sys

import pytest
import torch

from archcalc.cli import main
from archcalc.diagnostics import RequestError, Source
from archcalc.network.load import build_graph, load_graph
from archcalc.pytorch import memory
from archcalc.pytorch import profile as profiling
from archcalc.pytorch.profile import profile
from archcalc.pytorch.setup import Setup, find_device
from archcalc.pytorch.timing import Budget, repeat
from archcalc.reports import numbers
from archcalc.reports.blocks import Page, rendered
from archcalc.reports.profile import as_text, words
from archcalc.reports.profile.report import Times
from archcalc.running import Running
from tests.program import inside, run
from tests.runs import train_or_not

SHORT = Budget(warmup=1, repeat=4, seconds=1.0)
HAS_CUDA = torch.cuda.is_available()


def status(monkeypatch, *arguments):
    """The status with which the command line ends in this process."""
    monkeypatch.setattr(sys, "argv", ["archcalc", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


class Interrupted:
    """A run that Ctrl-C meets at its third time, or another."""

    def __init__(self, turn=3):
        self.calls, self.turn = 0, turn

    def __call__(self):
        self.calls += 1
        if self.calls == self.turn:
            raise KeyboardInterrupt


def test_an_interrupt_ends_the_rounds():
    others = []
    assert repeat([lambda: others.append(1), Interrupted()], Budget())
    assert len(others) == 3


def test_a_group_norm_on_which_pytorch_crashes():
    """Its backward pass for channels last ends the process where the input needs no gradient."""
    text = "{model: m, input: [4, 8, 8], layers: [groupnorm 2]}"
    with pytest.raises(RequestError, match=r"^groupnorm: PyTorch crashes in the backward pass"):
        Setup(Running(mode="train", memory_format="channels-last")).how(build_graph(Source("m.yaml", text)))
    after = build_graph(Source("m.yaml", text.replace("[groupnorm", "[conv 4 kernel=1, groupnorm")))
    assert Setup(Running(mode="train", memory_format="channels-last")).how(after).memory_format == "channels-last"


@pytest.mark.parametrize("turn", [1, 2, 5])
def test_an_interrupt_prints_what_is_there(turn, monkeypatch, capsys):
    calls = []
    real = profiling.Session.run

    def run_once(self):
        calls.append(1)
        if len(calls) == 2 + turn:  # one to warm up; the peak comes last
            raise KeyboardInterrupt
        real(self)

    monkeypatch.setattr(profiling.Session, "run", run_once)
    assert status(monkeypatch, "profile", "specs/net.yaml", "--warmup", "1", "--repeat", "9", "--color", "never") == 2
    printed = capsys.readouterr()
    assert f"(median of {turn} after 1 to warm up)" in printed.out
    assert "layers sum to" in printed.out
    assert printed.err == f"archcalc: interrupted after {turn} {'run' if turn == 1 else 'runs'}\n"


def test_an_interrupt_before_anything_was_measured(monkeypatch, capsys):
    monkeypatch.setattr(profiling.Session, "run", Interrupted(2))
    assert status(monkeypatch, "profile", "specs/net.yaml", "--warmup", "1") == 2
    assert capsys.readouterr() == ("", "archcalc: interrupted before anything was measured\n")


@pytest.mark.parametrize(
    ("device", "sentence"),
    [("tpu", "no device is named"), ("./mine.json", "not a device of this machine"), ("a100", "not a device of this machine"), ("xla", "not supported"), ("cuda", "CUDA|CPU only"), ("cuda:99", "CUDA|CPU only|there is no")],
)  # fmt: skip
def test_devices_that_are_not_there(device, sentence):
    if device == "cuda" and HAS_CUDA:
        pytest.skip("there is one")
    with pytest.raises(RequestError, match=sentence):
        find_device(device)


@pytest.mark.parametrize("train", [False, True])
def test_too_large_is_said_before_trying(train, monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda device: 10_000_000_000)
    monkeypatch.setattr(profiling, "instantiate", None)
    with pytest.raises(
        RequestError, match=r"^llama3@70b with batch 1 needs [\d,.]+ [GT]B by prediction, CPU has 10\.0 GB free"
    ):
        profile(load_graph("specs/llama3.yaml@70b"), Setup(Running(mode=train_or_not(train)), budget=SHORT))
    with pytest.raises(
        RequestError, match=r"alexnet with batch 50000 .* by prediction a batch of [\d,]+ fits$"
    ) as raised:
        profile(load_graph("specs/alexnet.yaml", batch=50_000), Setup(Running(mode=train_or_not(train)), budget=SHORT))
    fits = int(str(raised.value).split()[-2].replace(",", ""))
    alone = [
        memory.predicted(load_graph("specs/alexnet.yaml", batch=n), Setup(Running(mode=train_or_not(train)))).peak
        for n in (fits, fits + 1)
    ]
    assert alone[0] <= 10_000_000_000 < alone[1]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"), "needs .* by prediction"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "needs .* by prediction"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), "needs .* by prediction"),
        (MemoryError(), "needs .* by prediction"),
        (RuntimeError('\n"relu" not implemented for \'Half\'\nmore'), "^PyTorch does not run lenet5 in fp16 on CPU: \"relu\" not"),
    ],
)  # fmt: skip
def test_what_pytorch_refuses_is_one_sentence(error, sentence, monkeypatch):
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr(profiling, "settle", fail)
    with pytest.raises(RequestError, match=sentence) as raised:
        profile(load_graph("specs/lenet.yaml"), Setup(Running(precision="fp16"), budget=SHORT))
    assert "\n" not in str(raised.value)


def test_phases_that_do_not_add_up_are_told():
    measured = profile(load_graph("specs/net.yaml"), Setup(Running(mode="train", threads=1), budget=SHORT))
    measured.total = Times([sum(times.median for times in measured.phases.values())])
    assert words.phases_apart(measured) == []
    measured.total = Times([measured.total.median * 3])
    (note,) = words.phases_apart(measured)
    assert "most runs were held up, each in a different phase" in note


def test_without_pytorch_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for command in ("profile", "verify"):
        assert status(monkeypatch, command, "specs/net.yaml") == 2
        assert capsys.readouterr().err == f"archcalc: {command} needs PyTorch: pip install 'archcalc[torch]'\n"


def test_the_relation_gives_a_reason_where_it_is_far():
    measured = profile(load_graph("specs/lenet.yaml"), Setup(Running(threads=1), budget=SHORT))
    measured.worked = Times()  # as on a GPU
    measured.total = Times([measured.layer_seconds * 1.05])
    assert words.relation(measured).endswith("4.8 % below the untouched total")
    measured.total = Times([measured.layer_seconds * 0.5])
    assert "100.0 % above the untouched total: marking each layer" in words.relation(measured)
    measured.total = Times([measured.layer_seconds * 2])
    assert "50.0 % below the untouched total: some work is outside the layers" in words.relation(measured)


def test_time_that_other_programs_took_is_told_apart():
    measured = profile(load_graph("specs/lenet.yaml"), Setup(Running(threads=1), budget=SHORT))
    measured.worked, measured.total = Times([0.002]), Times([0.010])
    assert words.worked(measured) == ["2.00 ms of CPU time"]
    (note,) = words.busy(measured)
    assert "waited 80 % of the time" in note
    measured.total = Times([0.0021])
    assert not words.busy(measured)


def test_layers_of_a_checkpoint_that_runs_again():
    spec = "{model: m, dims: {n: 6}, input: [n], layers: [embedding 9 dim=4, {repeat: 3, name: h, layers: [linear 4, relu]}]}"
    said = Running(mode="train", checkpoint=["h"], accumulate=2, threads=1)
    measured = profile(build_graph(Source("t.yaml", spec), said=said), Setup(said, budget=SHORT))
    (linear,) = (layer for layer in measured.layers if layer.row.node.op == "linear")
    assert len(linear.forward) == len(linear.backward) == 3
    assert all(times.median > 0 for times in (*linear.forward, *linear.backward))


@pytest.mark.parametrize("width", [40, 80, 200])
def test_rows_add_up_at_any_width(width):
    measured = profile(load_graph("specs/lenet.yaml"), Setup(Running(mode="train", threads=1), budget=SHORT))
    lines = rendered(as_text.render(measured), Page(width)).splitlines()
    header = next(index for index, line in enumerate(lines) if line.startswith("  layer"))
    assert max(map(len, lines[header:])) <= width  # facts above the table are not broken
    (sums,) = (line for line in lines if "all layers" in line)
    assert numbers.seconds(measured.layer_seconds) in sums
    assert "100.0 %" in sums


def test_command_line():
    quick = ("--time", "0.05", "--repeat", "3", "--warmup", "1", "--threads", "1")
    done = run("profile", "specs/lenet.yaml", *quick)
    assert done.returncode == 0, done.stderr
    assert "layers sum to" in done.stdout
    assert not done.stderr
    document = json.loads(inside("profile", "specs/lenet.yaml", "--mode", "train", *quick, "--format", "json").stdout)
    assert document["run"]["fields"]["mode"] == "train"
    assert sum(layer["seconds"] for layer in document["layers"]) == pytest.approx(document["layers_seconds"])
    rows = list(csv.DictReader(io.StringIO(inside("profile", "specs/lenet.yaml", *quick, "--format", "csv").stdout)))
    assert [row["id"] for row in rows] == [layer["id"] for layer in document["layers"]]
    trace = json.loads(inside("profile", "specs/lenet.yaml", *quick, "--format", "chrome-trace").stdout)
    assert len(trace["traceEvents"]) == len(rows)
    assert "| conv 6 5×5" in inside("profile", "specs/lenet.yaml", *quick, "--format", "markdown").stdout
    both = ("profile", "specs/lenet.yaml", "--compare", "specs/mlp.yaml", *quick)
    assert "lenet5 / mlp" in inside(*both).stdout
    assert json.loads(inside(*both, "--format", "json").stdout)["networks"][1]["model"] == "mlp"
    assert inside(*both, "--format", "csv").stdout.startswith("first_seconds,second_seconds,ratio\n")
    assert inside(*both, "--format", "markdown").stdout.startswith("| model | time | spread |\n")
    assert "leave out --compare" in inside(*both, "--format", "chrome-trace").stderr
    assert inside("profile", "specs/lenet.yaml", "--device", "tpu").returncode == 2
    assert inside("profile", "specs/none.yaml").returncode == 2


def test_without_a_spec_it_is_the_lecture_s_alexnet():
    done = inside("profile", "--time", "0.1", "--repeat", "1", "--warmup", "0")
    assert done.stdout.startswith("alexnet on CPU")
