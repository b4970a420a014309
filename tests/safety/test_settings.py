"""What settings of a repository, or variables of the environment, cannot make the program do."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path

import pytest

from archcalc.cli import COMMANDS
from archcalc.configuration import is_look
from archcalc.workers import processes
from tests.conftest import ROOT

from .conftest import Run

REFUSED = "is not accepted: only the command line decides what is written, overwritten, read or run; give "


def everything(folder: Path) -> dict[str, str]:
    """All files below a folder, with what they hold."""
    return {str(path): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ('[lint]\noutput = ["full={0}/.bashrc"]\n', "--output"),
        ('output = ["full={0}/.bashrc"]\n', "--output"),
        ("[lint]\nfix = true\n", "--fix"),
        ("[lint]\nunsafe_fixes = true\n", "--unsafe-fixes"),
        ("[lint]\nunsafe-fixes = true\n", "--unsafe-fixes"),
        ("[lint]\ndiff = true\n", "--diff"),
        ('[lint]\nbase = "HEAD"\n', "--base"),
        ('[build]\noutput = "{0}/.bashrc"\n', "--output"),
        ("[build]\nforce = true\n", "--force"),
        ("force = true\n", "--force"),
        ('[memory]\noutput = "{0}/.bashrc"\n', "--output"),
        ('[sweep]\noutput = "{0}/x.svg"\n', "--output"),
        ('[sweep]\ngrid = "{0}/secret.yaml"\n', "--grid"),
        ('[profile]\ncompare = "{0}/secret.yaml"\n', "--compare"),
        ('[profile]\nsave-device = "{0}/.bashrc"\n', "--save-device"),
        ("[profile]\ncompile = true\n", "--compile"),
        ('[calibrate]\noutput = "{0}/.bashrc"\n', "--output"),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_settings_write_run_and_read_nothing(clone: Path, run: Run, settings: str, option: str, nested: bool) -> None:
    text = settings.format(clone.parent)
    if nested:
        text = text.replace("[", "[tool.archcalc.", 1) if text.startswith("[") else f"[tool.archcalc]\n{text}"
    name = "pyproject.toml" if nested else "archcalc.toml"
    (clone / name).write_text(text, "utf-8")
    before = everything(clone.parent)
    done = run("lint", ".")
    assert done.returncode == 2
    assert done.stderr.startswith(f"archcalc: {clone / name}: key")
    assert done.stderr.endswith(f"{REFUSED}{option} there\n")
    assert everything(clone.parent) == before


@pytest.mark.parametrize(
    ("variable", "command"),
    [
        ("ARCHCALC_LINT_OUTPUT", "lint ."),
        ("ARCHCALC_LINT_FIX", "lint ."),
        ("ARCHCALC_BUILD_OUTPUT", "build net.yaml"),
        ("ARCHCALC_BUILD_FORCE", "build net.yaml"),
        ("ARCHCALC_MEMORY_OUTPUT", "memory net.yaml"),
    ],
)
def test_the_environment_is_like_settings(clone: Path, run: Run, variable: str, command: str) -> None:
    before = everything(clone.parent)
    done = run(*command.split(), **{variable: f"full={clone.parent}/.bashrc" if "LINT_OUT" in variable else "1"})
    assert done.returncode == 2
    assert done.stderr.startswith(f"archcalc: {variable} {REFUSED}--")
    assert everything(clone.parent) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_that_names_a_file_is_no_look(command: str) -> None:
    for option in import_module(f"archcalc.commands.{command}").command.params:
        if option.param_type_name == "option":
            names_a_file = (
                "FILE" in str(option.metavar)
                or "PATH" in str(option.metavar)
                or option.type.name in ("file", "filename")
            )
            assert not (names_a_file and is_look(option)) or option.may_be_file is not None, option.name
            assert option.name not in ("force", "fix", "compile") or not is_look(option)


DEVICE = (ROOT / "archcalc" / "devices" / "h100.json").read_text("utf-8")


def test_a_device_lies_beside_its_settings(clone: Path, run: Run) -> None:
    (clone / "mine").mkdir()
    (clone / "mine" / "fast.json").write_text(DEVICE, "utf-8")
    (clone / "inner").mkdir()
    for value in ("./mine/fast.json", "mine/../mine/fast.json", str(clone / "mine" / "fast.json")):
        (clone / "archcalc.toml").write_text(f'[memory]\ndevice = "{value}"\n', "utf-8")
        assert "H100" in run("memory", "../net.yaml", cwd=clone / "inner").stdout


@pytest.mark.parametrize("command", ["lint .", "memory net.yaml", "predict net.yaml", "sweep net.yaml", "fit net.yaml --vary batch --max memory=1GB"])  # fmt: skip
@pytest.mark.parametrize(
    "value", ["/dev/zero", "../secret.json", "/etc/passwd", "link.json", "folder/../../secret.json"]
)
def test_a_device_of_settings_is_not_elsewhere(clone: Path, run: Run, command: str, value: str) -> None:
    (clone.parent / "secret.json").write_text(DEVICE, "utf-8")
    (clone / "link.json").symlink_to(clone.parent / "secret.json")
    (clone / "archcalc.toml").write_text(f'[{command.split()[0]}]\ndevice = "{value}"\n', "utf-8")
    done = run(*command.split())
    assert done.returncode == 2
    assert "lies outside the folder of these settings: give --device on the command line" in done.stderr


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('device = [["h100"]]', "device takes a value or a list of values, not nested lists"),
        ("attention = [{a = 1}]", "attention takes a value or a list of values, not nested lists"),
        (r'device = "./\u0000"', r"device = './\x00' lies outside the folder of these settings"),
    ],
)
def test_values_that_no_option_takes(clone: Path, run: Run, text: str, message: str) -> None:
    (clone / "archcalc.toml").write_text(f"[memory]\n{text}\n", "utf-8")
    done = run("memory", "net.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith(f"archcalc: {clone / 'archcalc.toml'}: {message}")


def test_a_device_is_a_file_of_a_size(clone: Path, run: Run) -> None:
    (clone / "large.json").write_bytes(b" " * (4 * 2**20 + 1))
    assert "it is larger than 4 MiB" in run("memory", "net.yaml", "--device", "./large.json").stderr
    assert "it is not a regular file" in run("memory", "net.yaml", "--device", "/dev/zero").stderr


def test_settings_are_a_file_of_the_project(clone: Path, run: Run) -> None:
    (clone.parent / "other.toml").write_text('token = "hunter2"\n', "utf-8")
    (clone / "archcalc.toml").symlink_to(clone.parent / "other.toml")
    done = run("lint", ".")
    assert done.returncode == 2
    assert "is a link out of its project" in done.stderr
    assert "token" not in done.stderr
    (clone / "archcalc.toml").unlink()
    (clone / "archcalc.toml").write_bytes(b"#" * (2**20 + 1))
    assert "it is larger than 1 MiB" in run("lint", ".").stderr


def test_processes_are_no_more_than_pay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1}, raising=False)
    assert processes(10**6, 40, jobs=10**6) == 8
    assert processes(3, 40, jobs=10**6) == 3
