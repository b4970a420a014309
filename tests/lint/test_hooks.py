"""The files with which other tools run the linter."""

from __future__ import annotations

import shlex
import subprocess

import yaml

from tests.conftest import ROOT

from .conftest import BIASED, CLEAN


def test_pre_commit_hooks(archcalc, write, folder):
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    assert [hook["id"] for hook in hooks] == ["archcalc-lint", "archcalc-lint-fix"]
    path = write("a.yaml", BIASED)
    blocks = write("blocks.yaml", "blocks:\n  b(): [relu]\n")
    for hook in hooks:
        assert {"id", "name", "entry", "language", "types", "files"} <= set(hook)
        assert archcalc(*shlex.split(hook["entry"])[1:], "--select", "PRM301", path, blocks).status == 0
    assert (folder / path).read_text() == CLEAN


def test_the_action_runs_the_linter(write, folder, monkeypatch):
    action = yaml.safe_load((ROOT / ".github/actions/lint/action.yml").read_text(encoding="utf-8"))
    assert action["runs"]["using"] == "composite"
    step = action["runs"]["steps"][-1]
    assert "${{" not in step["run"]
    defaults = {name: value["default"] for name, value in action["inputs"].items()}
    for value in step["env"].values():
        name = value.removeprefix("${{ inputs.").removesuffix(" }}")
        assert name in defaults
    program = folder / "archcalc" / "bin" / "archcalc"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    environment = {
        "RUNNER_TEMP": str(folder),
        "PATHS": "a b; c",
        "ARGS": "--jobs 2",
        "FAIL_ON": "never",
        "SARIF": "o.sarif",
    }
    done = subprocess.run(["bash", "-ec", step["run"]], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:-1] == [
        "lint", "--format", "github", "--fail-on", "never", "--jobs", "2", "--output", "sarif=o.sarif", "--", "a", "b;", "c",
    ]  # fmt: skip
    assert not done.stderr
