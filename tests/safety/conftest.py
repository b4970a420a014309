"""A repository of somebody else, and the program run in it as its user would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO
from unittest import mock

import pytest

from tests import program

SPEC = "model: m\ninput: [4]\nlayers:\n  - linear 3 name=first\n  - [relu, linear 2]\n"
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The folder of a repository that holds one spec, in a folder with files that are none of its business."""
    made = tmp_path / "home" / "clone"
    (made / ".git").mkdir(parents=True)
    (made / "net.yaml").write_text(SPEC, "utf-8")
    (tmp_path / "home" / "secret.yaml").write_text("token: hunter2\n", "utf-8")
    return made


def _environment(clone: Path) -> dict[str, str]:
    """What a user's shell has, without what is set for this program or by a CI system."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ARCHCALC_", "GITHUB_", "CI_"))}
    return kept | {"HOME": str(clone.parent), "XDG_CONFIG_HOME": str(clone.parent / ".config")}


@pytest.fixture
def run(clone: Path) -> Run:
    """`run("lint", ".")`: the program as a process of its own, in the repository."""

    def start(*arguments: str, cwd: Path = clone, **variables: str) -> subprocess.CompletedProcess[str]:
        with mock.patch.dict(os.environ, _environment(clone), clear=True):
            return program.run(*arguments, cwd=cwd, env=variables)

    return start


@pytest.fixture
def fresh(clone: Path) -> Run:
    """The same with a Python that is started for it: for what is about that start, its imports and its streams."""

    def start(
        *arguments: str, cwd: Path = clone, stdin: IO[str] | int = subprocess.DEVNULL, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "archcalc", *arguments], cwd=cwd, env=_environment(clone) | variables,
            capture_output=True, encoding="utf-8", errors="surrogateescape", stdin=stdin, check=False,
        )  # fmt: skip

    return start
