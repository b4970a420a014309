"""`--symbolic` as people call it: formats, narrow terminals, and names that cannot be chosen."""

from __future__ import annotations

import csv
import io
import json

import click
import pytest
from click.testing import CliRunner

from archcalc.cli import group
from tests.conftest import ROOT
from tests.symbolic.formulas import code

GPT2 = str(ROOT / "specs" / "gpt2.yaml")


def run(*arguments, width=None):
    """The command line in this process; the status is `return_value`."""
    runner = CliRunner(env={"COLUMNS": str(width)} if width else {})
    result = runner.invoke(group, [*arguments], standalone_mode=False, prog_name="archcalc")
    if isinstance(result.exception, click.UsageError):
        result.return_value, result.stderr_bytes = 2, str(result.exception).encode()
    elif result.exception is not None:
        raise result.exception
    return result


def messages(result):
    return (result.output + (result.stderr_bytes or b"").decode()).replace("\n", " ")


def spec(tmp_path, text):
    path = tmp_path / "s.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_table_says_formulas_values_and_where_they_hold():
    out = run("shapes", GPT2, "--symbolic", "batch,seq,width,depth").output
    assert "[batch, seq, 4·width]" in out
    assert "repeat  ×depth" in out
    assert "parameters    width·(depth·(12·width + 13) + 51,283) = 124,439,808" in out
    assert "for seq ≤ 1,024, depth ≥ 2, 12 divides width" in out
    assert "at batch=1 seq=1024 width=768 depth=12" in out


def test_without_names_they_are_the_batch_and_all_dims():
    assert run("shapes", GPT2, "--symbolic").output == run("shapes", GPT2, "--symbolic", "batch,seq").output


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_longer_than_the_terminal(width):
    out = run("shapes", GPT2, "--symbolic", "batch,seq,width,depth", width=width).output
    lines = [
        line for line in out.splitlines() if "·  masked" not in line and "MACs:" not in line and "torch" not in line
    ]
    assert max(map(len, lines)) <= width


def test_machines_get_python():
    values = {"batch": 3, "seq": 64, "width": 96, "depth": 5}
    settings = [word for name in ("seq", "width", "depth") for word in ("--set", f"{name}={values[name]}")]
    numbers = json.loads(run("shapes", GPT2, "--format", "json", "--batch", "3", *settings).output)
    form = json.loads(run("shapes", GPT2, "--symbolic", "batch,seq,width,depth", "--format", "json").output)
    assert form["version"] == 1
    assert form["values"] == {"batch": 1, "seq": 1024, "width": 768, "depth": 12}
    assert code(form["totals"]["macs"], values) == numbers["totals"]["macs"]
    assert form["conditions"] == ["seq <= 1024", "depth >= 2", "(width) % (12) == 0"]
    assert form["kept"]["dtype"] == "fp32"
    assert "seq <= 1024" in form["kept"]["conditions"]
    assert code(form["cache"]["bytes"], values) == 2 * 4 * 3 * 64 * 96 * 5
    table = run("shapes", GPT2, "--symbolic", "batch,seq,width,depth", "--format", "csv").output
    rows = list(csv.DictReader(io.StringIO(table)))
    assert sum(code(row["params"], values) for row in rows) == numbers["totals"]["params"]
    markdown = run("shapes", GPT2, "--symbolic", "depth", "--format", "markdown").output
    assert "| parameters |" in markdown


def test_a_set_value_is_where_decisions_are_taken():
    out = run("shapes", GPT2, "--symbolic", "depth", "--set", "depth=3").output
    assert "at depth=3" in out
    assert "width" not in out.splitlines()[1]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("widht", "did you mean `width`?"),
        ("colour", "expected one of vocab, context, width, heads, depth, seq, batch"),
        ("seq,,width", "is not a list of names"),
        ("", "is not a list of names"),
    ],
)
def test_names_that_are_none(names, message):
    result = run("shapes", GPT2, "--symbolic", names)
    assert result.return_value == 2
    assert message in messages(result)


@pytest.mark.parametrize(
    ("hparams", "layers", "name", "message"),
    [
        ("n: 0.5", "dropout n", "n", "`n` is 0.5; a formula takes names of whole numbers"),
        ("n: true", "linear 4 bias=n", "n", "`n` is true"),
        ("n: 0", "linear 4", "n", "`n` is 0; a formula takes numbers of at least 1"),
        ("n: 8", "residual: [linear n]", "n", "`n` cannot be chosen: `residual` at"),
        ("n: 2", "lstm 4 layers=n", "n", "has as many parts as one of them says"),
        ("n: 3", "{repeat: n, layers: [linear cin+1]}", "n", "each copy has a different shape"),
        ("n: 8", "linear round(n/3)", "n", "rounds a number with a fraction"),
    ],
)
def test_names_that_cannot_be_chosen(tmp_path, hparams, layers, name, message):
    path = spec(tmp_path, f"model: m\nhparams: {{{hparams}}}\ninput: [5, 8]\nlayers:\n  - {layers}\n")
    result = run("shapes", path, "--symbolic", name)
    assert result.return_value == 2, result.output
    assert message in messages(result)


@pytest.mark.parametrize("n", [8, 9])
@pytest.mark.parametrize(("size", "shown"), [("ceil(n/3)", "⌈n/3⌉"), ("floor(n/3)", "⌊n/3⌋")])
def test_a_rounded_quotient_has_a_formula(tmp_path, n, size, shown):
    path = spec(tmp_path, f"model: m\nhparams: {{n: {n}}}\ninput: [5, 8]\nlayers:\n  - linear {size}\n")
    result = run("shapes", path, "--symbolic", "n")
    assert f"[5, {shown}]" in result.output
    assert "≠" not in result.output
    assert "divides" not in result.output


@pytest.mark.parametrize(
    ("sizes", "told"),
    [
        ("abc", "a name is tried with numbers, here abc = 240"),
        ("AxB", "names are tried with numbers, here A = 240, B = 240"),
    ],
)
def test_what_a_name_stood_for_is_told_where_it_does_not_fit(sizes, told):
    result = run("explain", "conv 2 kernel=3", "--input", sizes if sizes == "abc" else f"{sizes}xCxDxE")
    assert result.return_value == 1
    assert told in messages(result)


def test_an_input_in_numbers_says_how_to_name_it():
    result = run("shapes", str(ROOT / "specs" / "resnet18.yaml"), "--symbolic", "height")
    assert "`dims: {height: 224, width: 224}` and `input: [3, height, width]`" in result.output


def test_without_sympy_there_is_one_sentence(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = run("shapes", GPT2, "--symbolic", "seq")
    assert (result.return_value, result.output) == (
        2,
        "archcalc: --symbolic needs sympy: pip install 'archcalc[symbolic]'\n",
    )


def test_what_goes_together():
    assert run("shapes", GPT2, GPT2, "--symbolic", "seq").return_value == 2
    assert run("shapes", GPT2, "--expand", "--symbolic", "seq").return_value == 2
    assert run("shapes", GPT2, "--symbolic", "seq", "--sort", "macs", "-n", "2").return_value == 0


def test_an_invalid_spec_is_told_as_ever(tmp_path):
    result = run("shapes", spec(tmp_path, "model: m\ninput: [8]\nlayers: [conv 3]\n"), "--symbolic", "batch")
    assert result.return_value == 1
    assert "needs `kernel`" in result.output
