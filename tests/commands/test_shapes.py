"""`archcalc shapes` as a user runs it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.program import run, start


def test_table():
    done = start("shapes", "specs/alexnet.yaml")
    assert done.returncode == 0
    assert not done.stderr
    assert "61,100,840 parameters" in done.stdout
    assert "conv 64 11×11/4" in done.stdout
    assert "64×55×55" in done.stdout
    assert "─" not in done.stdout  # a pipe gets no drawing
    assert "\x1b" not in done.stdout


def test_comparison_of_the_lecture():
    done = run("shapes", *(f"specs/{name}.yaml" for name in ("alexnet", "vgg19", "resnet152", "googlenet")))
    rows = {line.split()[0]: line.split()[-1] for line in done.stdout.splitlines()[1:5]}
    assert rows == {"alexnet": "8", "vgg19": "19", "resnet152": "152", "googlenet": "22"}


def test_json():
    document = json.loads(run("shapes", "specs/alexnet.yaml", "--batch", "2", "--format", "json").stdout)
    assert document["version"] == 1
    assert document["totals"]["params"] == document["totals"]["trainable_params"] == 61_100_840
    assert document["totals"]["macs"] * 2 == document["totals"]["flops"] == 2 * 2 * 714_188_480
    for key in ("params", "buffers", "macs", "flops", "other_flops", "activation_bytes"):
        assert sum(layer[key] for layer in document["layers"]) == document["totals"][key]
    first = document["layers"][0]
    assert first["op"] == "conv"
    assert first["input"] == [[3, 224, 224]]
    assert first["output"] == [64, 55, 55]
    several = json.loads(run("shapes", "specs/alexnet.yaml", "specs/lenet.yaml", "--format", "json").stdout)
    assert len(several["specs"]) == 2


def test_csv_and_markdown():
    rows = list(csv.DictReader(io.StringIO(run("shapes", "specs/alexnet.yaml", "--format", "csv").stdout)))
    assert sum(int(row["params"]) for row in rows) == 61_100_840
    table = run("shapes", "specs/alexnet.yaml", "--format", "markdown").stdout
    lines = [line for line in table.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1
    assert "**61,100,840**" in lines[-1]


def test_sorting_and_cutting():
    lines = run("shapes", "specs/alexnet.yaml", "--sort", "params", "-n", "2").stdout.splitlines()
    rows = [line for line in lines if "linear" in line or "smaller" in line]
    assert rows[0].split()[:2] == ["linear", "4096"]
    assert "and 20 smaller" in rows[2]


def test_settings_and_variants():
    assert "124,439,808" in run("shapes", "specs/gpt2.yaml", "--set", "seq=8").stdout
    assert "354,823,168" in run("shapes", "specs/gpt2.yaml@medium").stdout
    unknown = run("shapes", "specs/gpt2.yaml", "--set", "widht=8")
    assert unknown.returncode == 2
    assert "did you mean `width`?" in unknown.stderr
    assert run("shapes", "specs/gpt2.yaml@larg").returncode == 2
    assert run("shapes", "specs/gpt2.yaml", "--set", "width").returncode == 2


def test_formulas():
    assert "(3·3·3 + 1)·2" in run("shapes", "specs/conv56.yaml", "--formulas").stdout


@pytest.mark.parametrize("width", [20, 40, 60, 80, 200])
def test_a_narrow_terminal_never_breaks_a_number(width):
    done = run("shapes", "specs/gpt2.yaml", "--color", "always", env={"COLUMNS": str(width), "TERM": "xterm"})
    assert done.returncode == 0
    assert "38,597,376" in done.stdout
    assert "124,439,808" in done.stdout


def test_standard_input():
    text = (ROOT / "specs" / "lenet.yaml").read_text(encoding="utf-8")
    assert "61,706 parameters" in run("shapes", "-", stdin=text).stdout


def test_findings_are_status_1(tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("model: m\ninput: [3, 8, 8]\nlayers:\n  - conv 8 kernal=3\n", encoding="utf-8")
    done = run("shapes", str(bad))
    assert done.returncode == 1
    assert not done.stdout
    assert "error[SPC003]: `conv` has no key `kernal`" in done.stderr
    assert f"--> {bad}:4:12" in done.stderr
    assert "  |            ^^^^^^" in done.stderr
    assert "= help: did you mean `kernel`?" in done.stderr
    both = run("shapes", "specs/lenet.yaml", str(bad))
    assert both.returncode == 1
    assert "lenet" in both.stdout


def test_what_cannot_run_is_status_2():
    missing = run("shapes", "specs/nothing.yaml")
    assert missing.returncode == 2
    assert missing.stderr == "archcalc: cannot read 'specs/nothing.yaml': no such file or directory\n"
    assert run("shapes", "specs").returncode == 2
    assert run("shapes").returncode == 2
    assert run("shapes", "specs/lenet.yaml", "--batch", "0").returncode == 2
    assert "did you mean `shapes`?" in run("shape", "specs/lenet.yaml").stderr


def test_a_pipe_closed_early_is_no_error():
    command = [sys.executable, "-m", "archcalc", "shapes", "specs/gpt2.yaml", "--expand", "--format", "csv"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 0
    assert error == b""


def test_colour():
    assert "\x1b[" in run("shapes", "specs/lenet.yaml", "--color", "always", env={"TERM": "xterm-256color"}).stdout
    assert "\x1b[" not in run("shapes", "specs/lenet.yaml", "--color", "auto", env={"TERM": "xterm-256color"}).stdout


def test_defaults_from_the_environment_and_from_files(tmp_path):
    spec = str(ROOT / "specs" / "lenet.yaml")
    assert "batch 7" in run("shapes", spec, env={"ARCHCALC_SHAPES_BATCH": "7"}).stdout
    (tmp_path / "pyproject.toml").write_text("[tool.archcalc]\nbatch = 5\n", encoding="utf-8")
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "archcalc.toml").write_text("batch = \n", encoding="utf-8")
    if sys.version_info >= (3, 11):
        assert "batch 5" in run("shapes", spec, cwd=inner).stdout
        assert "batch 6" in run("shapes", spec, "--batch", "6", cwd=inner).stdout
        broken = run("shapes", spec, cwd=tmp_path / "broken")
        assert broken.returncode == 2
        assert "archcalc.toml" in broken.stderr


def test_an_expectation_that_does_not_hold_is_told(tmp_path):
    spec = tmp_path / "net.yaml"
    text = "model: m\ninput: [4]\nlayers: [linear 3]\nexpect: {params: 16, output: [3], macs: 12, depth: 1}\n"
    spec.write_text(text, encoding="utf-8")
    done = run("shapes", str(spec))
    assert done.returncode == 0
    assert "`params` is 15, the spec expects 16" in done.stderr
    assert done.stderr.count("warning") == 1
    assert not run("shapes", str(spec), "--batch", "2").stderr


def test_names_that_nothing_reads_are_warnings(tmp_path):
    path = tmp_path / "t.yaml"
    path.write_text("model: t\nhparams: {never: 3}\ndims: {nope: 5}\ninput: [8]\nlayers: [linear 2]\n")
    done = run("shapes", str(path))
    assert done.returncode == 0
    assert done.stderr.count("warning[GRF705]") == 2
    assert "18 parameters" in done.stdout


def test_columns_as_chosen():
    out = run("shapes", "specs/lenet.yaml", "--columns", "output,field,macs").stdout
    assert "receptive field" in out
    assert "14×14 step 2" in out
    assert "params" not in out.splitlines()[3]
    assert "did you mean `output`?" in run("shapes", "specs/lenet.yaml", "--columns", "outptu").stderr
    assert run("shapes", "specs/lenet.yaml", "--columns", "macs", "--format", "csv").returncode == 2


def test_chosen_columns_stand_below_where_the_terminal_is_narrow():
    asked = "output,field,params,element-wise,activations,macs"
    out = run("shapes", "specs/lenet.yaml", "--columns", asked, env={"COLUMNS": "60"}).stdout
    assert max(map(len, out.splitlines())) <= 60
    assert "element-wise 4,704" in out
    assert "receptive field 5×5 step 1" in out


def test_latex():
    out = run("shapes", "specs/gpt2.yaml", "--format", "latex", "--columns", "output,params,%").stdout
    rows = [line for line in out.splitlines() if line.endswith(r"\\")]
    assert out.splitlines()[1] == r"\begin{tabular}{llrr}"
    assert {row.replace(r"\&", "").count("&") for row in rows} == {3}
    assert r"layer & output & params & \% \\" in out
    assert r"linear 50257 bias=false (lm\_head)" in out
    assert r"$\times$12" in out
    assert "124,439,808" in rows[-1]
    assert not set(out.replace(r"\quad", "")) & set("×·−…")


def test_receptive_fields_for_machines():
    layers = json.loads(run("shapes", "specs/lenet.yaml", "--format", "json").stdout)["layers"]
    assert layers[2]["receptive_field"] == [[6, 2], [6, 2]]
    assert layers[2]["receptive_field_start"] == [0, 0]


def test_met_expectations_and_used_budgets_are_said(tmp_path):
    path = tmp_path / "net.yaml"
    spec = "model: m\ninput: [4]\nlayers: [linear 4]\nbudget: {params: 100, macs: 20, depth: 4}\n"
    path.write_text(spec + "expect: {params: 20, output: [4]}\n")
    out = run("shapes", str(path)).stdout
    assert "as the spec expects: params, output" in out
    assert "budget used: params 20.0 % of 100, macs 80.0 % of 20, depth 25.0 % of 4" in out
    out = run("shapes", str(path), "--batch", "8").stdout
    assert "expects" not in out
    assert "macs 80.0 % of 20" in out, "a budget is for one sample"
    path.write_text(spec + "expect: {params: 21}\n")
    assert "as the spec expects" not in run("shapes", str(path)).stdout


def test_budgets_of_memory_are_among_those_used(tmp_path):
    path = tmp_path / "net.yaml"
    layers = "layers: [linear 4096, relu, linear 10]\n"
    path.write_text(f"model: m\ninput: [784]\n{layers}budget: {{memory: 100MB, inference_memory: 20MB, params: 5M}}\n")
    found = json.loads(run("memory", str(path), "--format", "json").stdout)
    limits = (("training", 1e6), ("inference", 2e5))
    training, inference = (f"{found[mode]['peak_bytes'] / limit:.1f} %" for mode, limit in limits)
    words = f"budget used: memory {training} of 100MB, inference_memory {inference} of 20MB"
    assert f"{words}, params 65.1 % of 5M" in run("shapes", str(path)).stdout
    assert words in run("memory", str(path)).stdout


def test_no_parameters_are_not_said_to_be_trained(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("model: m\ninput: [4]\nlayers: [relu]\n")
    out = run("shapes", str(path)).stdout
    assert "no parameters" in out
    assert "trainable" not in out


def test_messages_fold_to_the_terminal():
    done = run("shapes", "specs/lenet.yaml", "--columns", "nothing", env={"COLUMNS": "60"})
    assert max(map(len, done.stderr.splitlines())) <= 60
    assert len(done.stderr.splitlines()) > 1


def test_markdown_has_names_and_copies():
    out = run("shapes", "specs/gpt2.yaml", "--format", "markdown").stdout
    assert "(wte) |" in out
    assert "| repeat ×12 (h) |" in out
