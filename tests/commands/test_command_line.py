"""The command line itself: what it says to a wrong option, where options come from, and completion."""

from __future__ import annotations

import ast
import importlib
import re
from pathlib import Path

import click
import pytest

from archcalc.cli import COMMANDS, group
from archcalc.commands.misspelt import about
from archcalc.devices import names
from archcalc.layers import REGISTRY
from tests.conftest import ROOT
from tests.program import run

LENET = "specs/lenet.yaml"


@pytest.mark.parametrize(
    ("arguments", "told", "command"),
    [
        (["shpes"], "no command is named `shpes`: did you mean `shapes`?", ""),
        (["--versoin"], "no such option '--versoin'", ""),
        (["memory", LENET, "--chekpoint", "h"], "did you mean `--checkpoint`?", "memory"),
        (["memory", LENET, "--optimizer", "adm"], "unknown value 'adm': did you mean adam?", "memory"),
        (["shapes", LENET, "--batch", "x"], "'--batch': 'x' is not a whole number", "shapes"),
        (["shapes", LENET, "--batch", "2.5"], "'2.5' is not a whole number", "shapes"),
        (["shapes", LENET, "--batch", "0"], "0 is too small: the minimum is 1", "shapes"),
        (["shapes", LENET, "--batch", str(2**40)], "the maximum is 1099511627775", "shapes"),
        (["shapes", LENET, "--batchsize", "2"], "did you mean `--batch`?", "shapes"),
        (["explain", LENET, "--mode", "train"], "no such option '--mode': lint, diff", "explain"),
        (["sweep", LENET, "--mode", "train"], "its measures decide that; use --show, e.g. --show memory", "sweep"),
        (
            ["memory", LENET, "--generate", "9"],
            "no such option '--generate': use --mode generate --new-tokens",
            "memory",
        ),
        (["memory", LENET, "--vram", "24"], "no such option '--vram': use --limit", "memory"),
        (["lint", LENET, "--fail-on", "warn"], "'info', 'never': did you mean `warning`?", "lint"),
        (["fit", LENET, "--limit", "24GB"], "no such option '--limit': use --max memory=BYTES", "fit"),
        (
            ["memory", LENET, "--precision", "torch.float16"],
            "unknown value 'torch.float16': did you mean fp16?",
            "memory",
        ),
        (["profile", LENET, "--train"], "no such option '--train': use --mode train", "profile"),
        (["explain", LENET, "--columns", "macs"], "no such option '--columns': `shapes` has it", "explain"),
        (["diff", LENET], "missing argument 'HEAD'", "diff"),
    ],
)
def test_a_wrong_command_line(arguments, told, command):
    done = run(*arguments)
    assert done.returncode == 2
    assert not done.stdout
    message, advice = done.stderr.splitlines()
    assert message.startswith("archcalc: ")
    assert told.lower() in message.lower()
    assert advice == f"Try `archcalc {command} --help`.".replace("  ", " ")


def test_no_option_that_help_does_not_show_is_suggested():
    commands = {name: group.get_command(click.Context(group), name) for name in COMMANDS}
    hidden = [
        option.lstrip("-")
        for command in commands.values()
        for parameter in command.params
        if getattr(parameter, "hidden", False)
        for option in parameter.opts
    ]
    assert "dtype" in hidden
    for command in commands.values():
        shown = [name for one in command.params if not getattr(one, "hidden", False) for name in one.opts]
        for word in hidden:
            told = about(click.NoSuchOption(f"--{word}x", ctx=click.Context(command)), commands)
            assert set(re.findall("`(--[^`]+)`", told)) <= set(shown)


def commands_run(text):
    """The commands that a test file runs: the first word of what a call is given, or of an item of a list or a dict."""
    nodes = [*ast.walk(ast.parse(text))]
    words = [one.args[0] for one in nodes if isinstance(one, ast.Call) and one.args]
    words += [item for one in nodes if isinstance(one, (ast.List, ast.Tuple)) for item in one.elts]
    words += [item for one in nodes if isinstance(one, ast.Dict) for item in one.values]
    return {str(one.value).partition(" ")[0] for one in words if isinstance(one, ast.Constant)}


def test_every_command_is_listed_and_run_by_a_test():
    files = (ROOT / "archcalc" / "commands").glob("[a-z]*.py")
    written = {
        file.stem for file in files if re.search(r"^def command\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert written - {*COMMANDS} == set(), "give it a line in COMMANDS of archcalc/cli.py"
    tests = [file for file in (ROOT / "tests").rglob("test_*.py") if file != Path(__file__)]
    ran = set().union(*(commands_run(file.read_text(encoding="utf-8")) for file in tests))
    assert {*COMMANDS} - ran == set(), "write its tests in tests/commands/"


def test_without_a_command():
    done = run()
    assert done.returncode == 2
    assert not done.stdout
    assert done.stderr == run("--help").stdout
    assert all(f"\n  {name} " in done.stderr for name in COMMANDS)


def test_a_wrong_value_from_the_environment_names_the_variable():
    done = run("shapes", LENET, env={"ARCHCALC_SHAPES_BATCH": "many"})
    assert done.returncode == 2
    assert "'many' is not a whole number (in ARCHCALC_SHAPES_BATCH)" in done.stderr


@pytest.fixture
def spec(tmp_path):
    (tmp_path / "net.yaml").write_text(
        "model: m\nhparams: {n: 4, k: 3}\ninput: [8]\nlayers:\n  - repeat: 1\n    name: h\n    layers: [linear n]\n"
        "  - linear k\n",
        encoding="utf-8",
    )
    return tmp_path


@pytest.mark.parametrize(
    ("settings", "command", "told"),
    [
        ('[memory]\ncheckpoint = "h"\n', "memory net.yaml", "checkpoint h"),
        ('[memory]\nfit = "batch"\nroom = "1MB"\n', "memory net.yaml", "largest batch"),
        ('[fit]\nmax = "params=1K"\n', "fit net.yaml --vary n", "is the largest that fits"),
        ('[fit]\nmax = {params = "1K"}\n', "fit net.yaml --vary n", "is the largest that fits"),
        ('[sweep]\nset = "n=5,6"\n', "sweep net.yaml", "2 configurations"),
        ("[sweep]\nset = {n = 5, k = 6}\n", "sweep net.yaml", "1 configuration"),
        ('[sweep]\nshow = ["params", "depth"]\n', "sweep net.yaml", "depth"),
        ("[sweep]\nlist = true\n", "sweep net.yaml", '"set": {}'),
        ('[diff]\nmax-growth = "params=5%"\n', "diff net.yaml net.yaml", "nothing changed"),
        ("[shapes]\nset = {n = 16}\n", "shapes net.yaml", "linear 16"),
        ("[shapes]\nexpand = true\nbatch = 3\n", "shapes net.yaml", "batch 3"),
    ],
)
def test_settings_as_people_write_them(spec, settings, command, told):
    (spec / "archcalc.toml").write_text(settings, encoding="utf-8")
    done = run(*command.split(), cwd=spec)
    assert done.returncode == 0, done.stderr
    assert told in done.stdout


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ("batch = 2.5", "'2.5' is not a whole number"),
        ("batch = true", "'true' is not a whole number"),
        ("batch = [1, 2]", "'1,2' is not a whole number"),
        ("expand = 17", "'17' is not a valid boolean"),
        ('expand = ["yes", "no"]', "'yes,no' is not a valid boolean"),
        ('format = ["json", "csv"]', "'json,csv' is not one of"),
    ],
)
def test_a_wrong_value_in_the_settings_names_the_file(spec, settings, told):
    (spec / "archcalc.toml").write_text(f"[shapes]\n{settings}\n", encoding="utf-8")
    done = run("shapes", "net.yaml", cwd=spec)
    assert done.returncode == 2
    assert told in done.stderr
    assert f"(in {spec / 'archcalc.toml'})" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["shapes", "none.yaml"], "cannot read 'none.yaml': no such file or directory"),
        (["shapes", "specs"], "cannot read 'specs', a folder: name the specs in it, e.g. specs/*.yaml"),
        (["diff", "none.json", LENET], "cannot read 'none.json': no such file or directory"),
        (
            ["shapes", "specs/alexnet.yml"],
            "cannot read 'specs/alexnet.yml': no such file: did you mean `specs/alexnet.yaml`?",
        ),
        (
            ["shapes", "specs/alexnt.yaml"],
            "cannot read 'specs/alexnt.yaml': no such file: did you mean `specs/alexnet.yaml`?",
        ),
        (["lint", "none.yaml"], "cannot read 'none.yaml': no such file or directory"),
        (["lint", LENET, "--output", "json=no/such/x"], "cannot write 'no/such/x': no such file or directory"),
        (["build", LENET, "-o", "no/such/x.py"], "cannot write 'no/such/x.py': no such file or directory"),
        (["memory", LENET, "-o", "no/such/x.svg"], "cannot write 'no/such/x.svg': no such file or directory"),
        (["predict", LENET, "--device", "./none.json"], "cannot read './none.json': no such file or directory"),
        (["sweep", "--grid", "none.jsonl"], "cannot read 'none.jsonl': no such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_or_written(arguments, told):
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stderr == f"archcalc: {told}\n"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("archcalc la", ["plain,layers", "plain,layer"]),
        ("archcalc layer conv", [f"plain,{name}" for name in REGISTRY if name.startswith("conv")]),
        ("archcalc rule prm30", [f"plain,PRM30{last}" for last in range(1, 10)]),
        ("archcalc memory --device h", [f"plain,{name}" for name in names() if name.startswith("h")]),
        ("archcalc shapes spe", ["file,spe"]),
    ],
)
def test_completion(line, found):
    words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" ")), "_ARCHCALC_COMPLETE": "bash_complete"}
    assert run(env=words).stdout.split() == found


def unnoticed(name, tests):
    """What was forgotten about the file of a command; empty where nothing was."""
    if name not in COMMANDS:
        return f"add `{name}` to COMMANDS of archcalc/cli.py, with a line for the list of commands"
    if not re.search(rf"""["'(]{name}["' ]""", tests):
        return f"no test runs `archcalc {name}`: write one in tests/commands"
    return ""


def test_every_command_is_listed_and_tested():
    """Its row in docs/commands.md is asked for by tests/test_docs.py."""
    home = ROOT / "archcalc" / "commands"
    files = {path.stem for path in home.glob("*.py") if "@click.command" in path.read_text(encoding="utf-8")}
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert [forgotten for name in sorted({*files, *COMMANDS}) if (forgotten := unnoticed(name, tests))] == []
    assert set(COMMANDS) == files
    for name in files:
        command = importlib.import_module(f"archcalc.commands.{name}").command
        undescribed = [
            one.name for one in command.params if isinstance(one, click.Option) and not (one.help or one.hidden)
        ]
        assert not undescribed, f"`archcalc {name}`: give {undescribed} a help"
        assert command.help, f"`archcalc {name}` has no docstring, which is its help"


def test_what_is_forgotten_about_a_command():
    assert unnoticed("polish", "").startswith("add `polish` to COMMANDS")
    assert unnoticed("shapes", "").startswith("no test runs `archcalc shapes`")


def test_a_device_at_the_top_is_what_is_planned_for(spec):
    asked = ("lint", "net.yaml", "--select", "HWE", "--format", "json")
    without = run(*asked, cwd=spec).stdout
    (spec / "archcalc.toml").write_text('device = "h100"\nbatch = 5\n')
    assert "inference, batch 5, bf16, on h100" in run("memory", "net.yaml", cwd=spec).stdout
    assert run(*asked, cwd=spec).stdout == without
