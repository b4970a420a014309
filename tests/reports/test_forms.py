"""Every report in every form: what a folder of `archcalc/reports` holds is printed, tested and described."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from dataclasses import replace
from functools import cache
from importlib import import_module

import jsonschema
import pytest

from archcalc.commands.printing import text_of
from archcalc.devices import find
from archcalc.diagnostics import RequestError
from archcalc.layers import REGISTRY
from archcalc.prediction.model import PHASES
from archcalc.reports import forms
from archcalc.reports.calibration.report import Report
from tests.conftest import ROOT, SPECS
from tests.outcome import TIMES
from tests.program import here, inside

PACKAGE = ROOT / "archcalc" / "reports"
# A command line that prints each report; `{weights}` is a file of weights, `{old}` and `{new}` are folders.
PRINTED = {
    "calibration": "",  # takes half a minute to measure: made from a device that is known
    "closed_form": "shapes specs/gpt2.yaml --symbolic seq",
    "closed_form_layer": "explain specs/gpt2.yaml ln_f --symbolic seq",
    "devices": "devices",
    "difference": "diff specs/vgg16.yaml specs/vgg19.yaml",
    "explanation": "explain specs/lenet.yaml",
    "findings": "lint specs/vgg16.yaml@bn specs/lenet.yaml",
    "fit": "fit specs/vit.yaml --vary width --max params=25M",
    "layer": "layer conv",
    "layers": "layers",
    "memory": "memory specs/gpt2.yaml --device h100 -n 3",
    "module": "build specs/lenet.yaml",
    "peers": "shapes specs/lenet.yaml --like thop",
    "prediction": "predict specs/lenet.yaml --device h100",
    "profile": "profile specs/net.yaml --repeat 2 --warmup 0 --time 0.1",
    "profile_comparison": "profile specs/net.yaml --compare specs/net.yaml --repeat 2 --warmup 0 --time 0.1",
    "rule": "rule PRM301",
    "rules": "rule",
    "serving": "serve specs/gpt2.yaml --device a100",
    "shapes": "shapes specs/lenet.yaml",
    "specs": "specs vgg",
    "sweep": "sweep specs/vit.yaml --set width=192,500",
    "verification": "verify specs/lenet.yaml",
    "weights": "weights {weights}",
    "worked": "explain 'linear 2' --input 3 --steps",
}
# Several at once, where that is another table.
SEVERAL = {
    "difference": "diff {old} {new}",
    "fit": "fit specs/vit.yaml --vary batch --precision fp32,bf16 --device v100",
    "memory": "memory specs/gpt2.yaml specs/lenet.yaml",
    "peers": "shapes specs/lenet.yaml specs/net.yaml --like thop",
    "prediction": "predict specs/lenet.yaml specs/net.yaml --device h100",
    "shapes": "shapes specs/lenet.yaml specs/net.yaml",
    "verification": "verify specs/lenet.yaml specs/net.yaml",
}
# What a spec may have beside layers, as it is written.
CONSTRUCTS = ("repeat", "residual", "variants", "each", "scan", "tie", "blocks", "include", "run", "dims", "hparams", "budget", "frozen", "output", "from")  # fmt: skip
PAIRS = [(report, form) for report in forms.reports() for form in forms.forms(report)]


def is_text(out):
    assert out.strip()
    assert not re.search("\x1b|[─│┤]", out), "a pipe gets no colours and no boxes"


def is_json(out):
    assert json.loads(out)


def closed(schema):
    """The schema, but for what it is tested with: a key that it does not describe is refused."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(one) for key, one in schema.items()}
    return {"additionalProperties": False, **found} if isinstance(schema.get("properties"), dict) else found


@cache
def validator(report):
    schema = json.loads(forms.schema(report))
    one_or_several = [
        schema["$defs"][one["$ref"].split("/")[-1]] if "$ref" in one else one for one in schema.get("anyOf", [schema])
    ]
    for document in one_or_several:
        assert document["properties"]["version"] == {"const": 1}, "each document of the schema has a version"
        assert "version" in document["required"]
    return jsonschema.Draft202012Validator(closed(schema))


def follows_the_schema(report, out):
    """Whether JSON has a version, and all that its schema says and nothing else."""
    error = jsonschema.exceptions.best_match(validator(report).iter_errors(json.loads(out)))
    place = error and "/".join(map(str, error.absolute_path))
    assert error is None, f"archcalc/reports/{report}/schema.json does not describe this, at {place}: {error.message}"


def is_jsonl(out):
    assert all(json.loads(line) for line in out.splitlines())


def is_csv(out):
    header, *rows = csv.reader(io.StringIO(out))
    assert rows
    assert all(name and name == name.strip() for name in header)
    assert {len(row) for row in rows} == {len(header)}


def is_markdown(out):
    lines = out.splitlines()
    rules = [index for index, line in enumerate(lines) if re.fullmatch(r"\|(\s*:?-+:?\s*\|)+", line)]
    for index in rules:
        columns = lines[index].count("|")
        for line in [lines[index - 1], *lines[index + 1 :]]:
            if not line.startswith("|"):
                break
            assert len(re.findall(r"(?<!\\)\|", line)) == columns, line


def is_xml(out):
    assert out.startswith("<?xml")


def is_commands(out):
    assert all(line.startswith("::") for line in out.splitlines())


def is_latex(out):
    """A tabular whose rows all have its columns."""
    columns = re.search(r"\\begin\{tabular\}\{([lr]+)\}", out).group(1)
    rows = [line.replace(r"\&", "") for line in out.splitlines() if line.endswith(r"\\")]
    assert rows
    assert {row.count("&") + 1 for row in rows} == {len(columns)}


CHECKS = {
    "text": is_text, "full": is_text, "concise": is_text, "grouped": is_text, "source": is_text, "state-dict": is_text,
    "json": is_json, "jsonl": is_jsonl, "csv": is_csv, "markdown": is_markdown, "latex": is_latex, "chrome-trace": is_json,
    "github": is_commands, "gitlab": is_json, "sarif": is_json, "junit": is_xml, "rdjson": is_json,
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A file of weights, and two folders with a spec that changed."""
    folder = tmp_path_factory.mktemp("files")
    header = json.dumps({"conv.weight": {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16]}}).encode()
    (folder / "w.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(16))
    for name, spec in (("old", "vgg16"), ("new", "vgg19")):
        (folder / name).mkdir()
        (folder / name / "net.yaml").write_text((ROOT / "specs" / f"{spec}.yaml").read_text())
    return {"weights": folder / "w.safetensors", "old": folder / "old", "new": folder / "new"}


def calibration():
    device = find("h100")
    error = {phase: {"mean": 0.1, "median": 0.05} for phase in PHASES}
    fit = {**device.calibration, "torch": "2.9.0", "threads": 1, "error": error}
    return Report(replace(device, calibration=fit), "h100.json", 60.0, False)


def test_every_report_is_printed_here():
    missing = set(forms.reports()) - set(PRINTED)
    assert not missing, f"give PRINTED a command line that prints {missing}"
    assert set(PRINTED) <= set(forms.reports())


@pytest.mark.parametrize(("report", "form"), PAIRS)
def test_every_pair(report, form, files):
    assert form in CHECKS, f"say in CHECKS what holds of the form `{form}`"
    for table in (PRINTED, SEVERAL):
        if command := table.get(report):
            done = inside(*shlex.split(command.format(**files)), "--format", form)
            assert done.returncode in (0, 1), done.stderr
            _check(report, form, done.stdout)
    if not PRINTED[report]:
        _check(report, form, text_of(report, form, calibration()))


def _check(report, form, out):
    CHECKS[form](out)
    if form == "json":
        follows_the_schema(report, out)


@pytest.mark.parametrize("report", forms.described())
def test_the_schema_is_printed(report):
    assert (PACKAGE / report / "schema.json").exists(), f"write archcalc/reports/{report}/schema.json"
    out = inside("schema", "--report", report).stdout
    assert out == forms.schema(report)
    jsonschema.Draft202012Validator.check_schema(json.loads(out))


def test_the_check_of_schemas_can_fail():
    out = json.loads(inside("shapes", "specs/net.yaml", "--format", "json").stdout)
    for change in ({"further": 1}, {"version": 2}, {"batch": "1"}):
        with pytest.raises(AssertionError, match="does not describe this"):
            follows_the_schema("shapes", json.dumps({**out, **change}))


def spread():
    """The smallest specs that together have each layer and construct that any has; with ARCHCALC_EXAMPLES all."""
    seen, found = set(), []
    for path in sorted(SPECS, key=lambda path: (path.stat().st_size, path.name)):
        words = set(re.findall(r"[a-z]\w*", path.read_text(encoding="utf-8"))) & {*REGISTRY, *CONSTRUCTS}
        if TIMES > 1 or words - seen:
            found.append(path)
        seen |= words
    return found


@pytest.mark.parametrize("spec", spread(), ids=lambda path: path.stem)
def test_networks_follow_the_schemas(spec):
    for report in ("shapes", "memory"):
        status, out = here(report, str(spec), "--format", "json")
        assert status == 0
        follows_the_schema(report, out)


@pytest.mark.parametrize("report", forms.reports())
def test_the_usual_forms(report):
    """A report has each of them, or says why not."""
    without = forms.without(report)
    for form in forms.USUAL:
        missing = (
            f"write archcalc/reports/{report}/as_{form}.py, or say in WITHOUT of its __init__.py why there is none"
        )
        assert (form in forms.forms(report)) != (form in without), missing
    for form, reason in without.items():
        with pytest.raises(RequestError, match=re.escape(reason)):
            forms.module(report, form)


@pytest.mark.parametrize("report", forms.reports())
def test_help_lists_the_forms(report):
    command = (PRINTED[report] or "calibrate").split()[0]
    words = re.sub(r"\s+", "", inside(command, "--help").stdout)
    listed = re.search(r"--format\[([^]]*)\]", words)
    assert listed, f"`archcalc {command}` has no --format: give it options.form({report!r})"
    wanted = set(forms.forms(report)) - {"chrome-trace"}
    assert wanted <= set(listed[1].split("|"))


@pytest.mark.parametrize("report", forms.reports())
def test_a_report_says_what_it_is(report):
    about = import_module(f"archcalc.reports.{report}")
    assert about.__doc__.endswith("."), (
        f"say in a line of archcalc/reports/{report}/__init__.py what the report is about"
    )
    command = getattr(about, "COMMAND", "")
    assert command, f"say in archcalc/reports/{report}/__init__.py with COMMAND what prints it"
    words = [word for word in command.split()[1:] if not word.isupper()]
    assert not PRINTED[report] or set(words) <= set(PRINTED[report].split()), "PRINTED is another command"


def test_a_form_that_a_report_does_not_have():
    for command, says in (
        ("lint specs/lenet.yaml --format text", "there is no text: for people there are full, concise and grouped"),
        ("build specs/lenet.yaml --format json", "there is no json: the module is Python source"),
        ("shapes specs/lenet.yaml --format sarif", "'sarif' is not one of"),
    ):
        done = inside(*command.split())
        assert done.returncode == 2
        assert says in done.stderr
        assert not done.stdout
