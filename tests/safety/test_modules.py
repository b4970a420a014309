"""A module is run where the user names it, and nothing that a repository holds can name one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from .conftest import SPEC, Run

CODE = "open('ran', 'w').close()\nimport torch\ndef Net():\n    return torch.nn.Linear(4, 2)\n"
NAMES = ("evil:Net", "evil.py:Net", "./evil.py:Net")


@pytest.fixture
def trap(clone: Path) -> Path:
    """A file that leaves a trace where it is run."""
    (clone / "evil.py").write_text(CODE, "utf-8")
    return clone / "ran"


@pytest.mark.parametrize("name", NAMES)
def test_no_spec_or_grid_names_one(trap: Path, clone: Path, run: Run, name: str) -> None:
    (clone / "included.yaml").write_text(f"include: ['{name}']\n{SPEC}", "utf-8")
    (clone / "class.yaml").write_text(SPEC.replace("relu", "opaque output=same class=evil:Net"), "utf-8")
    (clone / "config.json").write_text(json.dumps({"model_type": "llama", "auto_map": {"AutoModel": name}}), "utf-8")
    points = [{"spec": name, "set": {}, "batch": 1}]
    (clone / "grid.json").write_text("\n".join(map(json.dumps, points)) + "\n", "utf-8")
    (clone / "archcalc.toml").write_text(f"[shapes]\nspecs = ['{name}']\n", "utf-8")
    for arguments in (
        ["shapes", "included.yaml"], ["shapes", "class.yaml"], ["build", "class.yaml"], ["shapes", "config.json"],
        ["lint", "."], ["sweep", "--grid", "grid.json"], ["shapes"], ["diff", ".", "."],
    ):  # fmt: skip
        run(*arguments)
        assert not trap.exists(), arguments


def test_the_trap_works(trap: Path, run: Run) -> None:
    assert run("shapes", "evil.py:Net").returncode == 0
    assert trap.exists()


def test_variables_name_none(trap: Path, run: Run) -> None:
    run("shapes", ARCHCALC_SHAPES_SPECS="evil:Net", ARCHCALC_IMPORT_SOURCE="evil:Net")
    assert not trap.exists()


@pytest.mark.parametrize("refuses", [{}, {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"}])
def test_a_revision_that_git_does_not_give_is_no_module(clone: Path, run: Run, refuses: dict[str, str]) -> None:
    """`main:specs` of a clone without that branch, or of one that git refuses as that of somebody else."""
    (clone / ".git").rmdir()
    subprocess.run(["git", "init", "-q"], cwd=clone, check=True, capture_output=True)
    for name in ("main", "release"):
        (clone / f"{name}.py").write_text(f"open({str(clone / 'ran')!r}, 'w')\n", "utf-8")
    done = run("diff", "main:specs", "release:specs", **refuses)
    assert done.returncode == 2
    assert "a module is named by its file here: main.py:NAME" in done.stderr
    assert not (clone / "ran").exists()


@pytest.mark.parametrize("name", ["evil.py:Net", "evil:Net"])
def test_its_file_is_not_overwritten(trap: Path, run: Run, name: str) -> None:
    done = run("import", name, "-o", "evil.py", "--force")
    assert done.returncode == 2
    assert "'evil.py'" in done.stderr
    assert trap.with_name("evil.py").read_text("utf-8") == CODE
