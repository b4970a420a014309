"""`archcalc memory` as a user runs it."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

import archcalc
from archcalc.memory.assessment import TITLES
from archcalc.memory.definitions import ASSUMPTIONS, DEFINITIONS
from archcalc.memory.tape import RANDOM_STATE
from archcalc.reports.numbers import size
from tests.conftest import ROOT, SPECS
from tests.program import inside, start

MODES = tuple(TITLES.values())
SVG = "{http://www.w3.org/2000/svg}"


def answered(*arguments):
    done = inside("memory", *arguments, "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_text():
    done = inside("memory", "specs/gpt2.yaml", env={"COLUMNS": "100"})
    assert done.returncode == 0
    assert not done.stderr
    peaks = answered("specs/gpt2.yaml")
    for mode in MODES:
        line = next(line for line in done.stdout.splitlines() if line.split()[:1] == [mode])
        assert size(peaks[mode]["peak_bytes"]) in line
    assert not re.search("[─│┤]", done.stdout)  # a pipe gets no drawing of boxes
    assert "\x1b" not in done.stdout
    assert "█ activations" in done.stdout


@pytest.mark.parametrize("spec", SPECS, ids=lambda path: path.stem)
def test_parts_add_up(spec):
    document = answered(str(spec.relative_to(ROOT)))
    assert document["version"] == 1
    for mode in MODES:
        if mode in document:
            found = document[mode]
            assert sum(found["parts"].values()) == found["peak_bytes"]
            assert set(found["certainty"]) <= set(DEFINITIONS)
            assert all(bytes > 0 for bytes in found["parts"].values())
            if mode != "generation":
                assert max(moment["live_bytes"] for moment in found["timeline"]) == found["peak_bytes"]
    assert document["training"]["peak_bytes"] > document["inference"]["peak_bytes"]
    assert ("generation" in document) == (spec.stem in GENERATE)


GENERATE = (
    "gpt2",
    "gpt-oss",
    "llama3",
    "lora-llama",
    "mistral",
    "gpt-oss",
    "mixtral",
    "qwen3",
    "qwen3-moe",
    "qwen3-next",
    "wavenet",
    "gemma2",
    "gemma3",
    "olmo2",
    "smollm3",
    "deepseek-v2-lite",
    "whisper",
    "t5",
    "transformer",
    "seq2seq-attention",
    "one-to-many",
    "lstm",
    "gru",
    "rnn",
    "recurrence",
    "mamba",
    "mamba2",
    "rwkv7",
    "retnet",
    "xlstm",
    "selective-scan",
    "lstm-gates",
    "attention-decoder",
    "convlstm",
    "selective-scan",
)


def test_generation():
    found = answered("specs/llama3.yaml", "--mode", "generate", "--precision", "bf16", "--length", "1000")
    assert "training" not in found
    generation = found["generation"]
    assert generation["token_bytes"] == 131_072
    assert generation["parts"]["cache_bytes"] == 131_072 * 999
    assert generation["peak_at"]["phase"] == "prompt"
    assert generation["caches"][0]["shapes"] == {"keys": [8, 1000, 128], "values": [8, 1000, 128]}
    smaller = answered(
        "specs/llama3.yaml", "--mode", "generate", "--precision", "bf16", "--length", "1000", "--cache", "int8"
    )
    assert smaller["generation"]["token_bytes"] == 65_536
    done = inside("memory", "specs/llama3.yaml", "--mode", "generate", "--precision", "bf16", "--new-tokens", "8000")
    assert "131.1 kB more for each" in done.stdout


def test_nothing_to_generate_with():
    done = inside("memory", "specs/alexnet.yaml", "--mode", "generate")
    assert done.returncode == 2
    assert "cannot generate" in done.stderr
    assert inside("memory", "specs/alexnet.yaml").returncode == 0


def test_optimizers():
    peaks = {
        name: answered("specs/resnet18.yaml", "--mode", "train", "--optimizer", name)["training"]
        for name in ("sgd", "momentum", "adam", "adamw")
    }
    params = 4 * 11_689_512
    assert "optimizer_bytes" not in peaks["sgd"]["parts"]
    assert peaks["momentum"]["parts"]["optimizer_bytes"] == params
    assert peaks["adam"]["parts"]["optimizer_bytes"] >= 2 * params
    assert peaks["adam"]["parts"] == peaks["adamw"]["parts"]


def test_mixed_precision():
    found = answered("specs/resnet18.yaml", "--mode", "train", "--precision", "mixed-bf16", "--optimizer", "momentum")
    assert found["training"]["run"]["line"] == "train, batch 1, mixed bf16, momentum, 2 threads"
    assert found["training"]["run"]["assumed"] == ["batch", "threads"]
    assert found["training"]["parts"]["parameters_bytes"] == 2 * 11_689_512
    assert found["training"]["parts"]["optimizer_bytes"] == 2 * 4 * 11_689_512


def test_checkpoint():
    plain = answered("specs/gpt2.yaml", "--mode", "train")["training"]
    less = answered("specs/gpt2.yaml", "--mode", "train", "--checkpoint", "h")["training"]
    assert less["saved_bytes"] < plain["saved_bytes"] / 2
    done = inside("memory", "specs/gpt2.yaml", "--checkpoint", "hh")
    assert done.returncode == 2
    assert "did you mean `h`" in done.stderr


def test_what_runs_again_is_kept_by_one_copy_at_a_time():
    arguments = ("specs/gpt2.yaml", "--mode", "train", "-n", "20")
    together = {one["id"]: one for one in answered(*arguments)["training"]["layers"]}
    apart = {one["id"]: one for one in answered(*arguments, "--checkpoint", "h")["training"]["layers"]}
    entry = 4 * 1024 * 768  # kept by the group for all copies, and first read by this norm
    assert (apart["h"]["count"], apart["h"]["bytes"]) == (12, 12 * (entry + RANDOM_STATE))
    assert 12 * (apart["h.0.layernorm1"]["bytes"] + entry) == together["h.0.layernorm1"]["bytes"]
    for name in ("h.0.attention", "h.0.gelu", "h.0.linear1", "h.0.linear2", "h.0.layernorm2"):
        assert together[name]["count"] == 12
        assert (apart[name]["count"], 12 * apart[name]["bytes"]) == (1, together[name]["bytes"])


def test_why_there_is_no_generation_is_told_to_who_asks_for_its_length():
    why = "vit-b16 does not generate: `encoder.0.attention` sees the positions after each position too"
    assert why in inside("memory", "specs/vit.yaml", "--length", "50").stdout
    assert why not in inside("memory", "specs/vit.yaml").stdout


@pytest.mark.parametrize("width", ["60", "80", "100"])
@pytest.mark.parametrize("further", [(), ("--mode", "train"), ("--device", "h100")])
def test_names_of_parts_are_not_cut(width, further):
    printed = inside("memory", "specs/gpt2.yaml", *further, env={"COLUMNS": width}).stdout
    assert all(len(line) <= int(width) and line == line.rstrip() for line in printed.splitlines())
    table = printed[printed.index("  what") : printed.index("over time")]
    assert "…" not in table
    assert "saved for backward" in table


def test_a_device():
    found = answered("specs/gpt2.yaml", "--device", "t4", "--batch", "64")
    training = found["training"]
    assert training["peak_bytes"] <= training["allocated_bytes"] <= training["reserved_bytes"]
    assert training["nvidia_smi_bytes"] == training["reserved_bytes"] + found["device"]["context_bytes"]
    assert not training["fits"]
    assert 1 <= training["largest"]["batch"]["value"] < 64
    assert training["largest"]["seq"]["value"] < 1024
    done = inside("memory", "specs/gpt2.yaml", "--device", "t4", "--batch", "64")
    assert done.stdout.splitlines()[1].startswith("  training does not fit on NVIDIA T4 16 GB: ")
    assert done.returncode == 0
    assert "did you mean `h100`" in inside("memory", "specs/gpt2.yaml", "--device", "h1000").stderr


def test_the_largest_batch_is_the_largest():
    room = 4 * 10**9
    found = answered("specs/resnet50.yaml", "--mode", "train", "--limit", "4GB", "--fit", "batch")
    largest = found["training"]["largest"]
    assert list(largest) == ["batch"]
    batch = largest["batch"]["value"]
    at, beyond = (
        answered("specs/resnet50.yaml", "--mode", "train", "--batch", str(size))["training"]["peak_bytes"]
        for size in (batch, batch + 1)
    )
    assert (at, beyond) == (largest["batch"]["bytes"], largest["batch"]["next_bytes"])
    assert at <= room < beyond
    done = inside("memory", "specs/resnet50.yaml", "--mode", "train", "--limit", "4GB")
    assert f"largest batch {batch}: {batch + 1} takes" in done.stdout


def test_what_stops_a_sequence():
    done = inside("memory", "specs/gpt2.yaml", "--limit", "80GB", "--mode", "train", "--fit", "seq")
    assert "largest seq 1,024: 1,025 is not possible, the table has 1024 positions" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--fit", "batch"), "give --device or --limit"),
        (("--limit", "many"), "--limit takes bytes with their unit, e.g. 24GB"),
        (("--limit", "0"), "--limit takes bytes"),
        (("--limit", "4GB", "--fit", "sq"), "did you mean `seq`"),
        (("-o", "/nowhere/at/all.svg"), "cannot write '/nowhere/at/all.svg': no such file"),
        (("-o", "x.svg", "--mode", "generate"), "ask for --mode train or inference"),
        (("-o", "x.png"), "the name must end in .svg"),
        (("--limit", "24"), "--limit takes bytes with their unit, e.g. 24GB or 80GiB, not '24': did you mean 24GB?"),
        (("--mode", "backward"), "unknown value 'backward'"),
        (("--precision", "bf61"), "did you mean bf16?"),
        (("--set", "batch=4"), "set the batch with --batch"),
    ],
)
def test_requests_that_cannot_be_met(arguments, words):
    done = inside("memory", "specs/gpt2.yaml", *arguments)
    assert done.returncode == 2
    assert words in done.stderr


def test_a_drawing_that_cannot_be_made_leaves_the_file_alone(tmp_path):
    path = tmp_path / "kept.svg"
    path.write_text("mine")
    done = inside("memory", "specs/gpt2.yaml", "--mode", "generate", "-o", str(path))
    assert done.returncode == 2
    assert path.read_text() == "mine"


def test_a_length_that_is_not_possible():
    done = inside("memory", "specs/gpt2.yaml", "--length", "2000")
    assert done.returncode == 1
    assert "the table has 1024 positions" in done.stderr


def test_svg(tmp_path):
    path = tmp_path / "memory.svg"
    done = inside("memory", "specs/resnet50.yaml", "--batch", "8", "-o", str(path))
    assert done.returncode == 0
    text = path.read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)
    assert root.tag == f"{SVG}svg"
    found = answered("specs/resnet50.yaml", "--batch", "8", "--mode", "train")["training"]
    words = [node.text for node in root.iter() if node.text]
    assert f"{found['peak_bytes']:,} bytes" in words
    assert any(size(found["peak_bytes"]) in word for word in words)
    assert f"optimizer states: at most {found['parts']['optimizer_bytes']:,} bytes" in words
    assert {"forward", "loss", "backward", "step"} <= set(words)
    # no area reaches out of the frame
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    for area in root.iter(f"{SVG}path"):
        numbers = [float(number) for number in re.findall(r"[\d.]+", area.attrib["d"])]
        assert max(numbers) <= max(width, height)
    assert "prefers-color-scheme" in text
    assert len(text) < 40_000


def test_svg_of_an_odd_name(tmp_path):
    spec = tmp_path / "odd.yaml"
    spec.write_text('model: a<b>&"c"\ninput: [4]\nlayers: [linear 2]\n', encoding="utf-8")
    path = tmp_path / "odd.svg"
    assert inside("memory", str(spec), "-o", str(path)).returncode == 0
    assert 'a<b>&"c"' in ElementTree.fromstring(path.read_text(encoding="utf-8")).find(f"{SVG}title").text


def test_csv_and_markdown():
    rows = list(csv.DictReader(io.StringIO(inside("memory", "specs/gpt2.yaml", "--format", "csv").stdout)))
    for mode in MODES:
        bytes = {row["part"]: int(row["bytes"]) for row in rows if row["mode"] == mode}
        totals = {"forward_end", "token", "logits", "peak"}
        assert sum(count for part, count in bytes.items() if part not in totals) == bytes["peak"]
    lines = inside("memory", "specs/gpt2.yaml", "--format", "markdown").stdout.splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1
    assert "**peak**" in table[-1]


def test_several():
    done = inside("memory", "specs/alexnet.yaml", "specs/gpt2.yaml@medium", "--limit", "8GB")
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["model", "input", "training"]
    assert lines[1].split()[0] == "alexnet"
    assert lines[2].split()[0] == "gpt2@medium"
    document = json.loads(inside("memory", "specs/alexnet.yaml", "specs/lenet.yaml", "--format", "json").stdout)
    assert [one["model"] for one in document["specs"]] == ["alexnet", "lenet5"]
    table = inside("memory", "specs/alexnet.yaml", "specs/gpt2.yaml", "--format", "markdown").stdout
    assert len({line.count("|") for line in table.splitlines()}) == 1


def test_one_of_several_is_missing():
    done = inside("memory", "specs/alexnet.yaml", "nowhere.yaml")
    assert done.returncode == 2
    assert "alexnet" in done.stdout
    assert "nowhere.yaml" in done.stderr


@pytest.mark.parametrize("columns", [40, 60, 100])
@pytest.mark.parametrize("spec", ["gpt2", "resnet50", "llama3"])
def test_a_narrow_terminal(spec, columns):
    done = inside("memory", f"specs/{spec}.yaml", "--device", "h100", "--color", "never", env={"COLUMNS": str(columns)})
    assert all(len(line) <= columns for line in done.stdout.splitlines())
    peak = answered(f"specs/{spec}.yaml", "--device", "h100")["training"]["peak_bytes"]
    assert size(peak) in done.stdout


def test_a_stream_without_blocks():
    done = start("memory", "specs/net.yaml", env={"PYTHONIOENCODING": "ascii", "COLUMNS": "80"})
    assert done.returncode == 0
    assert "# activations" in done.stdout


def test_definitions():
    done = inside("memory", "--definitions")
    assert done.returncode == 0
    for definition in DEFINITIONS.values():
        assert f"{definition.name} ({definition.key}_bytes, {definition.certainty})" in done.stdout
    keys = {f"{key}_bytes" for key in DEFINITIONS}
    found = answered("specs/gpt2.yaml", "--device", "h100")
    for mode in MODES:
        assert {key for key in found[mode] if key.endswith("_bytes")} <= keys
        assert set(found[mode]["parts"]) <= keys


def test_what_was_assumed_is_said():
    for options, lines in {
        (): ["train, batch 1, fp32, adamw, math attention, 2 threads", "assumed: mode, batch, precision, optimizer, attention, threads"],
        ("--mode", "inference", "--attention", "math"): ["inference, batch 1, fp32, math attention, 2 threads"],
        ("--device", "RTX 4090", "--batch", "8"): ["train, batch 8, autocast bf16, adamw, flash attention, on rtx4090"],
        ("--device", "v100"): ["generate, batch 1, fp16, efficient attention, on v100"],
    }.items():  # fmt: skip
        shown = inside("memory", "specs/gpt2.yaml", *options, env={"COLUMNS": "80"}).stdout
        assert max(map(len, shown.splitlines())) <= 80
        assert all(line in shown for line in lines)
    for spec, is_assumed in (("specs/lenet.yaml", False), ("specs/dinov2.yaml", True)):
        found = answered(spec, "--mode", "train")["training"]["run"]["assumed"]
        assert ("mse_loss" in found) == is_assumed
    page = inside("memory", "--definitions").stdout
    assert all(" ".join(assumption.split()) in " ".join(page.split()) for assumption in ASSUMPTIONS)


def test_what_would_make_it_fit_was_tried():
    asked = ("specs/gpt2.yaml", "--mode", "train", "--batch", "4", "--limit", "13GB")
    found = answered(*asked)["training"]
    assert not found["fits"]
    assert found["peak_bytes"] > 13 * 10**9
    assert len(found["ways"]) > 1
    for way in found["ways"]:
        again = answered(*asked, *way["option"].split())["training"]
        assert (again["fits"], again["peak_bytes"]) == (True, way["bytes"])
    verdict = " ".join(inside("memory", *asked).stdout.split("input")[0].split())
    assert "checkpointing `h` fits at batch 4" in verdict
    assert f"batch {found['largest']['batch']['value']} fits" in verdict


def test_old_words_are_understood_and_answered():
    old = inside("memory", "specs/gpt2.yaml", "--mode", "training", "--mixed", "--dtype", "fp16", "--room", "9GB")
    new = inside("memory", "specs/gpt2.yaml", "--mode", "train", "--precision", "mixed-fp16", "--limit", "9GB")
    assert old.stdout == new.stdout
    assert new.stderr == ""
    for sentence in (
        "`--mode training` is deprecated: use `--mode train`",
        "`--mixed` is deprecated: use `--precision mixed-fp16`",
        "`--limit 9GB`",
    ):
        assert sentence in old.stderr


def test_python_interface():
    net = archcalc.load(str(ROOT / "specs/alexnet.yaml"), batch=2)
    taken = net.memory(optimizer="sgd")
    assert taken.peak == answered("specs/alexnet.yaml", "--batch", "2", "--optimizer", "sgd")["training"]["peak_bytes"]
    assert net.memory(mode="inference").peak < taken.peak
    with pytest.raises(archcalc.RequestError, match=r"optimizer must be sgd, .* or muon, not 'nadam'"):
        net.memory(optimizer="nadam")
    with pytest.raises(TypeError, match="unexpected argument 'optimiser'"):
        net.memory(optimiser="sgd")
    with pytest.warns(DeprecationWarning, match="`training` is deprecated: use `mode`"):
        assert net.memory(training=True, optimizer="sgd").peak == taken.peak
    with pytest.raises(archcalc.RequestError, match="cannot generate"):
        net.generation()
    assert archcalc.load(str(ROOT / "specs/llama3.yaml")).generation(precision="bf16").token_bytes == 131_072
