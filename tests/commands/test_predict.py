"""`archcalc predict`: what it prints, and what it refuses."""

from __future__ import annotations

import csv
import io
import json

import pytest

from tests.conftest import ROOT
from tests.program import run


def answer(*arguments: str) -> dict:
    return json.loads(run("predict", *arguments, "--format", "json").stdout)


@pytest.mark.parametrize(
    "options", [["--mode", "inference"], [], ["--mode", "generate", "--new-tokens", "8", "--set", "seq=64"]]
)
def test_the_total_is_the_sum_of_its_layers(options):
    found = answer("specs/gpt2.yaml", "--device", "a100", *options)
    assert found["version"] == 1
    for key in ("seconds", "low_seconds", "high_seconds"):
        assert sum(layer[key] for layer in found["layers"]) == pytest.approx(found[key])
        assert sum(phase[key] for phase in found["phases"].values()) == pytest.approx(found[key])
    assert found["low_seconds"] <= found["seconds"] <= found["high_seconds"]
    for parts in ("by_basis", "by_bound"):
        assert sum(found[parts].values()) == pytest.approx(found["seconds"])
    passes = ("forward_seconds", "backward_seconds", "generating_seconds")
    assert sum(layer[key] for layer in found["layers"] for key in passes) == pytest.approx(found["seconds"])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--device", "v100", "--precision", "bf16"], "has no bf16"),
        (["--device", "h1000"], "did you mean `h100`"),
        (["--device", "./none.json"], "no such file"),
        (["--device", "h100", "--mode", "generate", "--new-tokens", "1024"], "for a prompt"),
        (
            ["--device", "h100", "--optimizer", "rmsprop"],
            "unknown value 'rmsprop': expected one of sgd, momentum, adam",
        ),
        ([], "give --device, e.g. --device h100"),
    ],
)
def test_refusals(arguments, says):
    done = run("predict", "specs/gpt2.yaml", *arguments)
    assert done.returncode == 2
    assert says in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    "options", [["--mode", "inference"], [], ["--mode", "generate", "--new-tokens", "8", "--set", "seq=64"]]
)
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_widths(columns, options):
    done = run("predict", "specs/gpt2.yaml", "--device", "h100", *options, env={"COLUMNS": str(columns)})
    assert done.returncode == 0
    assert "gpt2 on NVIDIA H100" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= columns


def test_a_larger_batch_takes_longer():
    one, four = (answer("specs/gpt2.yaml", "--device", "a100", "--batch", batch)["seconds"] for batch in ("16", "64"))
    assert one < four < 5 * one


def test_formats():
    for format in ("csv", "markdown"):
        assert run("predict", "specs/lenet.yaml", "--device", "a40", "--format", format).stdout.count("\n") > 5


def test_tokens_a_second_of_reading_and_of_writing():
    short = ["--set", "seq=64", "--batch", "4"]
    found = answer("specs/gpt2.yaml", "--device", "h100", *short, "--mode", "generate", "--new-tokens", "8")
    step = found["generation"]["step"]["seconds"]
    assert found["generation"]["prompt_tokens"] == 56
    assert found["tokens_per_second"] == pytest.approx(4 / step)
    assert found["phases"]["tokens"]["seconds"] == pytest.approx(8 * step)
    # A step reads all weights and the cache of the middle position; no device does so faster than its memory.
    weights, cache = 2 * 124_439_808, 4 * 60 * 12 * 2 * 768 * 2
    assert step > (weights - 2 * 1024 * 768 + cache) / 3.35e12
    prompt = ["--set", "seq=56", "--batch", "4", "--mode", "inference"]
    read = answer("specs/gpt2.yaml", "--device", "h100", *prompt)
    # Of the prompt the last position alone gets logits.
    assert 0.9 * read["seconds"] < found["phases"]["prompt"]["seconds"] < read["seconds"]
    assert read["tokens_per_second"] == pytest.approx(4 * 56 / read["seconds"])


def test_what_does_not_fit_is_said():
    asked = ("specs/gpt2.yaml", "--device", "h100", "--batch", "200")
    taken = json.loads(run("memory", *asked, "--mode", "train", "--format", "json").stdout)["training"]
    found = answer(*asked)
    assert (found["fits"], found["memory_bytes"]) == (False, taken["nvidia_smi_bytes"])
    assert found["run"] == {**taken["run"], "assumed": ["mode", *taken["run"]["assumed"]]}
    needed = f"it needs {taken['nvidia_smi_bytes'] / 1e9:.1f} GB of"
    done = run("predict", *asked)
    assert (done.stdout.count(needed), done.stderr) == (1, "")
    assert run("predict", *asked, "--format", "csv").stderr.count(needed) == 1


# -- several specs and devices --------------------------------------------------------------

SEVERAL = ("specs/gpt2.yaml", "specs/lenet.yaml", "--device", "h100", "--device", "l4")


def test_a_row_for_each_spec_and_device():
    done = run("predict", *SEVERAL, env={"COLUMNS": "140"})
    assert [line.split()[:3] for line in done.stdout.splitlines()[1:5]] == [
        ["gpt2", "h100", "autocast-bf16"], ["gpt2", "l4", "autocast-bf16"],
        ["lenet5", "h100", "autocast-bf16"], ["lenet5", "l4", "autocast-bf16"],
    ]  # fmt: skip
    assert "benchmarks on h100: from published times of 15 networks on this card" in done.stdout
    alone = answer("specs/gpt2.yaml", "--device", "l4")
    several = answer(*SEVERAL)["predictions"]
    assert [one["device"] for one in several] == ["h100", "l4", "h100", "l4"]
    assert several[1] == alone


def test_several_in_other_formats():
    rows = list(csv.DictReader(io.StringIO(run("predict", *SEVERAL, "--format", "csv").stdout)))
    assert {(row["model"], row["device"]) for row in rows} == {
        ("gpt2", "h100"), ("gpt2", "l4"), ("lenet5", "h100"), ("lenet5", "l4"),
    }  # fmt: skip
    lines = run("predict", *SEVERAL, "--format", "markdown").stdout.splitlines()
    assert len(lines) == 6
    assert len({line.count("|") for line in lines}) == 1


def test_one_that_cannot_does_not_stop_the_others():
    done = run("predict", "specs/lenet.yaml", "specs/none.yaml", "--device", "h100", "--device", "v100", "--precision", "bf16")  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.count("has no bf16") == 1
    assert done.stderr.count("cannot read 'specs/none.yaml'") == 1
    assert "lenet5" in done.stdout


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_widths_of_a_comparison(columns):
    done = run("predict", *SEVERAL, env={"COLUMNS": str(columns)})
    assert max(map(len, done.stdout.splitlines())) <= columns


def test_devices_of_the_environment_and_of_settings(tmp_path):
    spec = str(ROOT / "specs" / "lenet.yaml")
    assert "NVIDIA A100" in run("predict", spec, env={"ARCHCALC_PREDICT_DEVICE": "a100"}).stdout
    assert run("predict", spec, env={"ARCHCALC_PREDICT_DEVICE": "a100 l4"}).stdout.count("lenet5") == 2
    for text, rows in (('"a100"', 1), ('["a100", "l4"]', 2)):
        (tmp_path / "archcalc.toml").write_text(f"[predict]\ndevice = {text}\n", encoding="utf-8")
        assert run("predict", spec, cwd=tmp_path).stdout.count("lenet5 ") == rows
