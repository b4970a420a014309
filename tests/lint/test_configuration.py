"""The linter's settings from files and from the environment."""

from __future__ import annotations

import json

import pytest

from archcalc.cli import COMMANDS
from archcalc.configuration import _USUAL, option_names

from .conftest import BIASED, CLEAN

CONCISE = ("--format", "concise")


@pytest.fixture(params=["archcalc.toml", "pyproject.toml"])
def settings(request, write):
    """Write settings, into either file."""

    def put(text: str) -> None:
        if request.param == "pyproject.toml":
            head, _, tables = ("\n" + text).partition("\n[")
            tables = ("\n[" + tables).replace("\n[", "\n[tool.archcalc.") if tables else ""
            text = f"[project]\nname = 'x'\n[tool.archcalc]{head}{tables}"
        write(request.param, text)

    return put


def codes(lint, *arguments):
    return [finding["code"] for finding in json.loads(lint(*arguments, "--format", "json").out)["findings"]]


@pytest.mark.parametrize("given", ['"PRM301"', '["PRM301"]', '["BUD,PRM301"]', '"BUD901, PRM301"'])
@pytest.mark.parametrize("table", ["", "[lint]\n"])
def test_select(lint, write, settings, given, table):
    settings(f"{table}select = {given}\n")
    assert codes(lint, write("a.yaml", BIASED)) == ["PRM301"]
    assert codes(lint, "a.yaml", "--select", "BUD") == []


def test_ignore_and_fail_on(lint, write, settings):
    path = write("a.yaml", BIASED)
    settings('select = ["PRM301"]\nfail-on = "warning"\n')
    assert lint(path).status == 1
    assert lint(path, "--fail-on", "error").status == 0
    settings('select = ["PRM301"]\nignore = "PRM301"\nfail-on = "warning"\n')
    assert lint(path).status == 0


def test_severity(lint, write, settings):
    settings('select = "PRM301"\n[severity]\nPRM = "info"\nPRM301 = "error"\n')
    done = lint(write("a.yaml", BIASED), *CONCISE)
    assert done.status == 1
    assert done.out.startswith("a.yaml:4:5: error[PRM301]")


@pytest.mark.parametrize(
    ("glob", "hidden"), [("old/*", True), ("a.yaml", True), ("*.yaml", True), ("old/deep/a.yaml", True), ("deep/*", False), ("*.yml", False)]
)  # fmt: skip
def test_per_file_ignores(lint, write, settings, glob, hidden):
    settings(f'select = "PRM301"\n[per-file-ignores]\n"{glob}" = ["PRM"]\n')
    assert codes(lint, write("old/deep/a.yaml", BIASED)) == ([] if hidden else ["PRM301"])


def test_per_file_ignores_hold_for_fixes_and_not_for_errors(lint, write, settings, folder):
    settings('select = "PRM301"\n[per-file-ignores]\n"a.yaml" = "ALL"\n')
    path = write("a.yaml", BIASED)
    lint(path, "--fix")
    assert (folder / path).read_text() == BIASED
    assert codes(lint, write("a.yaml", BIASED.replace("kernel", "kernal"))) == ["SPC003"]


def test_per_file_ignores_follow_the_file_of_the_settings(lint, write, settings, folder, monkeypatch):
    settings('select = "PRM301"\n[per-file-ignores]\n"inner/*" = ["PRM"]\n')
    write("inner/a.yaml", BIASED)
    monkeypatch.chdir(folder / "inner")
    assert codes(lint, "a.yaml") == []


def test_a_budget(lint, write, settings):
    settings('select = "BUD901"\n[budgets."big/*"]\nparams = "1K"\n[budgets."*"]\nparams = 1_000_000\n')
    assert codes(lint, write("a.yaml", CLEAN)) == []
    write("big/a.yaml", CLEAN)
    assert codes(lint, "big/a.yaml") == []  # the later glob counts
    settings('select = "BUD901"\n[budgets."*"]\nparams = 1_000_000\n[budgets."big/*"]\nparams = "1K"\n')
    (found,) = json.loads(lint("big/a.yaml", "--format", "json").out)["findings"]
    assert found["data"]["limit"] == 1000
    assert found["start"] == {"line": 1, "column": 8}
    assert found["notes"][-1]["message"].startswith("the limit is set in ")
    assert found["notes"][-1]["message"].endswith('.toml, for "*", "big/*"')
    assert found["fix"] is None
    own = write("big/b.yaml", CLEAN + "budget: {params: 2K}\n")
    assert codes(lint, own) == []  # what the spec says comes first


@pytest.mark.parametrize(
    ("measure", "amount", "code"),
    [
        ("macs", "1K", "BUD902"),
        ("memory", "1KiB", "BUD903"),
        ("inference-memory", "1KiB", "BUD903"),
        ("depth", "0", "BUD908"),
    ],
)
def test_budgets_of_every_measure(lint, write, settings, measure, amount, code):
    settings(f'select = "BUD"\n[budgets."*"]\n{measure} = "{amount}"\n')
    assert codes(lint, write("a.yaml", CLEAN)) == [code]


def test_a_budget_of_many_files_is_not_stale_and_not_mended(lint, write, settings, folder):
    settings('select = "BUD"\n[budgets."*"]\nparams = "100M"\nmacs = "100G"\nmemory = "100G"\n')
    path = write("a.yaml", CLEAN)
    assert lint(path, "--unsafe-fixes").out == "no findings in 1 spec\n"
    assert (folder / path).read_text() == CLEAN


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('selct = "PRM"\n', "unknown key `selct`: did you mean `select`?"),
        ('[lint]\nfix-on = "x"\n', "unknown key of [lint] `fix-on`: did you mean `fail-on`?"),
        ('[severty]\nPRM301 = "info"\n', "unknown table `severty`: did you mean `severity`?"),
        ('[severity]\nPRM3O1 = "info"\n', "`PRM3O1`: did you mean `PRM301`?"),
        ('[severity]\nPRM301 = "warn"\n', "unknown severity of PRM301: `warn`: did you mean `warning`?"),
        ('[per-file-ignores]\n"*" = ["PRM3O1"]\n', "`PRM3O1`: did you mean `PRM301`?"),
        ('[per-file-ignores]\n"*" = 3\n', 'per-file-ignores of "*" must be a list of codes'),
        ('[budgets."*"]\nparam = "1M"\n', 'unknown budget of "*": `param`: did you mean `params`?'),
        ('[budgets."*"]\nparams = "40MB"\n', 'params of "*" is a number, not bytes: write "40M"'),
        (
            '[budgets."*"]\nparams = "much"\n',
            'params of "*" must be an amount, e.g. "25M", "4G" or "8GiB", not \'much\'',
        ),
        (
            "[budgets]\nparams = 3\n",
            'the budget of "params" must be a table under a pattern of files, e.g. "*" = {params = "25M"}',
        ),
        ('select = ["PRM3O1"]\n', "`PRM3O1`: did you mean `PRM301`?"),
        ('fail-on = "warn"\n', "'warn' is not one of"),
        ("select = 3\n", "`3`"),
    ],
)
def test_what_means_nothing_cannot_run(lint, write, settings, text, told):
    settings(text)
    done = lint(write("a.yaml", CLEAN))
    assert done.status == 2
    assert told in done.err
    assert not done.out


def test_settings_of_the_linter_are_not_those_of_other_commands(archcalc, write, settings):
    settings('device = "a100"\nselect = "PRM301"\nbatch = 3\n[severity]\nPRM = "info"\n')
    write("a.yaml", CLEAN)
    done = archcalc("shapes", "a.yaml")
    assert done.status == 0
    assert "batch 3" in done.out


def test_usual_keys_are_options():
    assert set(_USUAL) <= option_names(COMMANDS)


def test_environment(lint, write, monkeypatch, folder):
    path = write("a.yaml", BIASED)
    for name, value in {"SELECT": "PRM301", "FAIL_ON": "warning", "FORMAT": "concise"}.items():
        monkeypatch.setenv(f"ARCHCALC_LINT_{name}", value)
    done = lint(path)
    assert done.status == 1
    assert done.out.startswith("a.yaml:4:5: warning[PRM301]")


def test_an_option_beats_the_environment_and_that_the_file(lint, write, settings, monkeypatch):
    settings('select = "BUD"\n')
    path = write("a.yaml", BIASED)
    assert codes(lint, path) == []
    monkeypatch.setenv("ARCHCALC_LINT_SELECT", "PRM301")
    assert codes(lint, path) == ["PRM301"]
    assert codes(lint, path, "--select", "SPC") == []
