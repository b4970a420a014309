"""The files with which other tools run the linter."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys

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


def shown(language: str) -> list[str]:
    """The blocks of the page about CI."""
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)


def test_what_the_page_names_exists():
    hooks, workflow, job = (yaml.safe_load(block) for block in shown("yaml"))
    known = {hook["id"] for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}
    assert {hook["id"] for repo in hooks["repos"] for hook in repo["hooks"]} <= known
    steps = workflow["jobs"]["networks"]["steps"]
    (used,) = [step for step in steps if "archcalc" in step.get("uses", "")]
    folder = used["uses"].partition("@")[0].partition("/archcalc/")[2]
    action = yaml.safe_load((ROOT / folder / "action.yml").read_text(encoding="utf-8"))
    assert set(used["with"]) <= set(action["inputs"])
    assert job["networks"]["artifacts"]["reports"]["codequality"] in job["networks"]["script"][-1]


def test_the_pages_commands_run(tmp_path):
    """Every `archcalc` command of the snippets, in a repository whose main branch has a smaller network."""
    shutil.copytree(ROOT / "specs" / "blocks", tmp_path / "specs" / "blocks")
    for name in ("net", "lenet", "alexnet", "vgg16", "gpt2", "resnet18", "squeezenet1_0"):
        shutil.copy(ROOT / "specs" / f"{name}.yaml", tmp_path / "specs")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "add", "specs"], check=True)
    subprocess.run([*git, "commit", "-q", "-m", "specs"], check=True)
    subprocess.run([*git, "update-ref", "refs/remotes/origin/main", "HEAD"], check=True)
    net = tmp_path / "specs" / "net.yaml"
    net.write_text(net.read_text().replace("linear 20", "linear 200").partition("expect:")[0])
    blocks = [*shown("yaml"), *shown("sh")]
    commands = [
        line.strip().removeprefix("- run: ").removeprefix("- ") for block in blocks for line in block.split("\n")
    ]
    commands = [command for command in commands if command.startswith("archcalc ")]
    assert len(commands) >= 4
    environment = {**os.environ, "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"), "PYTHONPATH": str(ROOT)}
    for command in commands:
        program = f"{shlex.quote(sys.executable)} -m {command}"
        done = subprocess.run(["bash", "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == ("--max-growth" in command or "--fail-on warning" in command), done.stderr
        assert "Traceback" not in done.stderr
    assert (tmp_path / "summary.md").read_text().startswith("**archcalc: parameters +2,340 (+893.1 %)")
    assert json.loads((tmp_path / "archcalc.sarif").read_text())["version"] == "2.1.0"
    assert json.loads((tmp_path / "gl-code-quality-report.json").read_text())
